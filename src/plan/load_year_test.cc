#include "plan/load_year.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

// Half of the day at the peak, half with nothing.
LoadYear half_days() {
  LoadYear year{.load = std::vector<double>(24, 0), .usd_per_kwh = std::vector<double>(24, 0.1)};
  for (size_t hour = 12; hour < 24; ++hour) {
    year.load[hour] = 7;
    year.usd_per_kwh[hour] = 0.3;
  }
  return year;
}

TEST(LoadYear, HoursOfLoadMeetHoursOfTheTariff) {
  const YearBill bill = year_bill(half_days(), 10, 2, 0.9, 1.5);
  EXPECT_DOUBLE_EQ(bill.use, 0.5);  // of the curve, not what is said of all hours
  EXPECT_DOUBLE_EQ(bill.mean_kw, 6);
  // (12 x 2 x 0.1 + 12 x 10 x 0.3) / 24 x 1.5; mean power at the mean price would be 1.8.
  EXPECT_NEAR(bill.usd_per_hour, 2.4, 1e-12);
  EXPECT_NEAR(bill.least_usd_per_hour, 0.3, 1e-12);
  EXPECT_NEAR(bill.dearest_usd_per_hour, 4.5, 1e-12);
  EXPECT_NEAR(bill.kwh_per_year, 6 * 1.5 * 8760, 1e-9);
}

TEST(LoadYear, SeasonsOfThePue) {
  LoadYear year{.usd_per_kwh = {0.1}, .pue = {1.1, 1.2, 1.5, 1.2}};
  const YearBill bill = year_bill(year, 10, 10, 1, 9);
  EXPECT_DOUBLE_EQ(bill.mean_pue, 1.25);
  EXPECT_DOUBLE_EQ(bill.worst_pue, 1.5);
  EXPECT_NEAR(bill.usd_per_hour, 1.25, 1e-12);
}

TEST(LoadYear, WithoutACurveAllHoursAreUsedAlike) {
  const YearBill bill = year_bill({}, 10, 2, 0.25, 1.2);
  EXPECT_DOUBLE_EQ(bill.mean_kw, 4);
  EXPECT_EQ(bill.usd_per_hour, 0);
  EXPECT_FALSE(LoadYear().asked());
}

}  // namespace
}  // namespace hadal
