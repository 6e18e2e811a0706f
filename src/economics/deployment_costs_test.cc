#include "economics/deployment_costs.h"

#include <gtest/gtest.h>
#include <map>

#include "base/error.h"
#include "economics/catalogue_fields.h"

namespace hadal {
namespace {

constexpr const char* kOwned = R"(
name = "rack 3"
gpus = 8
utilisation = 0.4

[purchase]
usd = 350400
years = 4
residual_usd = 35040
interest_per_year = 0.06

[power]
it_kw = 10
idle_kw = 4
pue = 1.3

[electricity]
usd_per_kwh = 0.10
utc_offset = "+01:00"
[[electricity.band]]
days = "mon-fri"
hours = ["07:00-19:00"]
usd_per_kwh = 0.24

[hosting]
usd_per_month = 1460
[staff]
usd_per_month = 730
[maintenance]
usd_per_year = 8760
)";

std::map<std::string, CostPart> by_name(const std::vector<CostPart>& parts) {
  std::map<std::string, CostPart> out;
  for (const CostPart& part : parts) out[part.name] = part;
  return out;
}

TEST(DeploymentCosts, AreAnHourInNamedParts) {
  const DeploymentCosts costs = read_deployment_costs(kOwned, "costs.toml");
  EXPECT_EQ(costs.gpus, 8);
  EXPECT_EQ(costs.utilisation, 0.4);
  auto parts = by_name(hourly_costs(costs));
  ASSERT_EQ(parts.size(), 7U);
  EXPECT_NEAR(parts["depreciation"].usd_per_hour, 315360.0 / 4 / 8760, 1e-9);
  // Of a loan of 350,400 at 6 % that leaves 35,040 after four years, 93,112.61 a year are due.
  EXPECT_NEAR(parts["depreciation"].usd_per_hour + parts["interest"].usd_per_hour,
              93112.613035 / 8760, 1e-6);
  // 60 of 168 hours are dear.
  const double price = (60 * 0.24 + 108 * 0.10) / 168;
  EXPECT_NEAR(parts["electricity"].usd_per_hour, 10 * price, 1e-9);
  EXPECT_NEAR(parts["electricity"].usd_per_idle_hour, 4 * price, 1e-9);
  EXPECT_NEAR(parts["facility overhead"].usd_per_hour, 3 * price, 1e-9);
  EXPECT_NEAR(parts["hosting"].usd_per_hour, 2, 1e-9);
  EXPECT_NEAR(parts["staff"].usd_per_idle_hour, 1, 1e-9);
  EXPECT_NEAR(parts["maintenance"].usd_per_hour, 1, 1e-9);
}

TEST(DeploymentCosts, TakeTheTariffOfTheHourAndThePowerThatWasMeasured) {
  const DeploymentCosts costs = read_deployment_costs(kOwned, "costs.toml");
  const auto electricity = [&](const char* from, const char* to) {
    const PowerDraw measured{.it_kw = 6, .basis = PowerBasis::kMeasuredMachine};
    return by_name(
        hourly_costs(costs, measured, PaidTime{*unix_time(from), *unix_time(to)}))["electricity"];
  };
  // A Monday; clocks are an hour ahead of UTC.
  EXPECT_NEAR(electricity("2026-09-07T08:00Z", "2026-09-07T09:00Z").usd_per_hour, 6 * 0.24, 1e-9);
  EXPECT_NEAR(electricity("2026-09-07T08:00Z", "2026-09-07T09:00Z").usd_per_idle_hour, 4 * 0.24,
              1e-9);
  EXPECT_NEAR(electricity("2026-09-07T05:00Z", "2026-09-07T07:00Z").usd_per_hour, 6 * 0.17, 1e-9);
  EXPECT_NEAR(electricity("2026-09-12T08:00Z", "2026-09-12T09:00Z").usd_per_hour, 6 * 0.10, 1e-9);
  EXPECT_NEAR(electricity("2026-01-01", "2026-12-31").usd_per_hour, 6 * 0.15, 1e-9);
  EXPECT_NEAR(electricity("2026-09-07T08:00Z", "2026-09-07T08:00Z").usd_per_hour, 6 * 0.24, 1e-9);
}

TEST(DeploymentCosts, MayBeARent) {
  const DeploymentCosts costs =
      read_deployment_costs(R"({"gpus": 4, "rent": {"usd_per_gpu_hour": 2.5}})", "costs.json");
  const std::vector<CostPart> parts = hourly_costs(costs);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].name, "rent");
  EXPECT_EQ(usd_per_hour(parts), 10);
  const Accelerator& b200 = HardwareCatalogue::built_in().accelerator("b200");
  const auto listed = hourly_costs(b200, *b200.price_of("2026-06", PriceTier::kRental), 8);
  EXPECT_NEAR(usd_per_hour(listed), 23.2, 1e-9);
  EXPECT_EQ(listed[0].name, "rental price of b200, 2026-06");
}

TEST(DeploymentCosts, HaveNoInterestWithoutARate) {
  const DeploymentCosts costs =
      read_deployment_costs("gpus = 1\n[purchase]\nusd = 8760\nyears = 1\n", "costs.toml");
  const std::vector<CostPart> parts = hourly_costs(costs);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_NEAR(parts[0].usd_per_hour, 1, 1e-12);
}

TEST(DeploymentCosts, RefuseByNameWhatIsWrong) {
  const auto says = [](const std::string& text, const std::string& part) {
    try {
      hourly_costs(read_deployment_costs(text, "costs.toml"));
      FAIL() << "took " << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  const std::string rent = "gpus = 8\n[rent]\nusd_per_gpu_hour = 2\n";
  says(rent + "[power]\npeu = 1.2\n", "power.peu is not a known key; did you mean \"pue\"?");
  says("gpu = 8\n", "did you mean \"gpus\"?");
  says("[rent]\nusd_per_gpu_hour = 2\n", "gpus");
  says("gpus = 8\n", "one of them must be given");
  says(rent + "[purchase]\nusd = 1\nyears = 1\n", "rent has no place beside a purchase");
  says("gpus = 8\n[purchase]\nusd = 1\nyears = 0\n", "purchase.years");
  says("gpus = 8\n[purchase]\nusd = 1\nyears = 3\nresidual_usd = 2\n", "must not be above");
  says("gpus = 8\n[purchase]\nusd = 1\nyears = 3\ninterest_per_year = 6\n", "0.06 is 6 %");
  says("gpus = 8\nutilisation = 40\n[rent]\nusd_per_gpu_hour = 2\n", "0.4 is 40 %");
  says(rent + "[power]\npue = 0.9\n", "power.pue");
  says(rent + "[electricity]\nusd_per_kwh = 0.1\n", "power.it_kw");
  says(rent + "[electricity]\nusd_per_kwh = -1\n", "electricity.usd_per_kwh");
  says(rent + "[electricity]\nusd_per_kwh = 1\nutc_offset = \"CET\"\n", "electricity.utc_offset");
  says(rent +
           "[electricity]\nusd_per_kwh = 1\n[[electricity.band]]\ndays = \"Monday\"\n"
           "usd_per_kwh = 1\n",
       "electricity.band[0]");
  says(rent + "[electricity]\nusd_per_kwh = 1\n[[electricity.band]]\ndays = \"mon\"\n",
       "electricity.band[0].usd_per_kwh");
  says("rent = 5\ngpus = 1\n", "rent");
}

}  // namespace
}  // namespace hadal
