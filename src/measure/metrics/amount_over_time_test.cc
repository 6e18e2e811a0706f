#include "measure/metrics/amount_over_time.h"

#include <gtest/gtest.h>
#include <limits>

namespace hadal {
namespace {

TEST(AmountOverTime, CountsAfterTheBeginningUpToTheEnd) {
  AmountOverTime amount(1, 3, 2);
  amount.add_at(1, 100);  // belongs to what was before
  amount.add_at(1.5, 1);
  amount.add_at(3, 2);
  amount.add_at(3.5, 100);
  EXPECT_EQ(amount.total(), 3);
  EXPECT_EQ(amount.rates(), (std::vector<double>{1, 2}));
}

TEST(AmountOverTime, SpreadsEvenlyAndCutsAtItsEnds) {
  AmountOverTime amount(0, 4, 4);
  amount.add_evenly(-2, 6, 16);  // two a second
  EXPECT_DOUBLE_EQ(amount.total(), 8);
  for (const double rate : amount.rates()) EXPECT_DOUBLE_EQ(rate, 2);
  amount.add_evenly(0.5, 1.5, 1);
  EXPECT_DOUBLE_EQ(amount.rates()[0], 2.5);
  EXPECT_DOUBLE_EQ(amount.rates()[1], 2.5);
}

TEST(AmountOverTime, WithoutDurationAllComesAtOnce) {
  AmountOverTime amount(0, 4, 4);
  amount.add_evenly(2.5, 2.5, 3);
  EXPECT_EQ(amount.rates(), (std::vector<double>{0, 0, 3, 0}));
}

TEST(AmountOverTime, TimesThatAreNoneAreNowhere) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  AmountOverTime amount(0, 4, 4);
  amount.add_at(nan, 1);
  amount.add_evenly(nan, 2, 1);
  amount.add_evenly(1, inf, 1);
  amount.add_evenly(-1e308, 1e308, 1e308);
  EXPECT_EQ(amount.total(), 0);
}

TEST(AmountOverTime, AStretchWithoutLengthHasNoRates) {
  AmountOverTime amount(2, 2, 4);
  amount.add_at(2, 1);
  amount.add_evenly(1, 3, 1);
  EXPECT_TRUE(amount.rates().empty());
  EXPECT_EQ(amount.total(), 0);
}

}  // namespace
}  // namespace hadal
