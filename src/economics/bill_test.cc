#include "economics/bill.h"

#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

#include "base/error.h"

namespace hadal {
namespace {

MicroUsd sum(const std::vector<MicroUsd>& amounts) {
  return std::accumulate(amounts.begin(), amounts.end(), MicroUsd{0});
}

MicroUsd sum(const ByUse<MicroUsd>& uses) {
  return std::accumulate(uses.values.begin(), uses.values.end(), MicroUsd{0});
}

TEST(Allocation, GivesWhatIsLeftToThoseThatLostMost) {
  EXPECT_EQ(allocate(100, std::vector<double>{1, 1, 1}), (std::vector<MicroUsd>{34, 33, 33}));
  EXPECT_EQ(allocate(10, std::vector<double>{0.55, 0.27, 0.18}), (std::vector<MicroUsd>{5, 3, 2}));
  EXPECT_EQ(allocate(1, std::vector<double>{0, 0, 3}), (std::vector<MicroUsd>{0, 0, 1}));
  EXPECT_EQ(allocate(7, std::vector<double>{0, 0}), (std::vector<MicroUsd>{7, 0}));
  EXPECT_EQ(allocate(3, std::vector<double>{1e308, 1e308}), (std::vector<MicroUsd>{2, 1}));
  EXPECT_TRUE(allocate(0, {}).empty());
}

TEST(Allocation, IsExactAndWithinOneOfTheShare) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-12, 12);
  for (int round = 0; round < 2000; ++round) {
    std::vector<double> weights(1 + random() % 9);
    for (double& weight : weights) weight = random() % 5 == 0 ? 0 : std::pow(10, exponent(random));
    const auto total = static_cast<MicroUsd>(random() % 9'000'000'000'000'000);
    const std::vector<MicroUsd> shares = allocate(total, weights);
    ASSERT_EQ(sum(shares), total);
    const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
    if (!(all > 0)) continue;
    for (size_t i = 0; i < weights.size(); ++i) {
      ASSERT_GE(shares[i], 0);
      const double exact = static_cast<double>(total) * (weights[i] / all);
      // Beyond 2^50 the products themselves are rounded.
      ASSERT_NEAR(static_cast<double>(shares[i]), exact, 1 + 1e-15 * static_cast<double>(total));
      ASSERT_TRUE(weights[i] > 0 || shares[i] == 0);
    }
  }
}

TEST(MicroUsdTest, IsRefusedWhereMillionthsAreLost) {
  EXPECT_EQ(micro_usd(0.1234567), 123457);
  EXPECT_EQ(micro_usd(9e9), 9'000'000'000'000'000);
  for (const double bad : {-1e-9, 9.1e9, std::nan(""), HUGE_VAL})
    EXPECT_THROW(micro_usd(bad), Error);
}

// Eight GPUs for an hour at $16: a quarter prefill, half decoding, 5 % shared, 20 % idle.
BillInput an_hour() {
  return {.phases = {.prefill = 7200,
                     .decode = 14400,
                     .shared = 1440,
                     .idle = 5760,
                     .basis = PhaseBasis::kTold},
          .gpus = 8,
          .parts = {{.name = "rent", .usd_per_hour = 12, .usd_per_idle_hour = 12},
                    {.name = "electricity", .usd_per_hour = 4, .usd_per_idle_hour = 1}},
          .tokens = {.computed_input = 2'000'000, .cached_input = 6'000'000, .output = 500'000},
          .energy = 3.6e6};
}

TEST(Bill, DividesAnHourAsByHand) {
  const Bill bill = make_bill(an_hour());
  EXPECT_EQ(bill.hours, 1);
  // Idle electricity is cheaper.
  EXPECT_EQ(bill.total, 15'400'000);
  EXPECT_EQ(bill.uses[BillUse::kPrefill], 4'000'000);
  EXPECT_EQ(bill.uses[BillUse::kDecode], 8'000'000);
  EXPECT_EQ(bill.uses[BillUse::kShared], 800'000);
  EXPECT_EQ(bill.uses[BillUse::kIdle], 2'600'000);
  EXPECT_EQ(bill.rows[1].uses[BillUse::kIdle], 200'000);
  EXPECT_NEAR(bill.usd_per_million.computed_input.value(), 2, 1e-9);
  EXPECT_NEAR(bill.usd_per_million.cached_input.value(), 0, 1e-9);
  EXPECT_NEAR(bill.usd_per_million.output.value(), 16, 1e-9);
  EXPECT_NEAR(bill.usd_per_million.total.value(), 15.4 / 8.5, 1e-9);
  // A third of the 3.4 dollars besides goes to prefill.
  EXPECT_EQ(bill.full[BillUse::kPrefill], 5'133'333);
  EXPECT_EQ(bill.full[BillUse::kDecode], 10'266'667);
  EXPECT_NEAR(bill.full_usd_per_million.output.value(), 15.4 * 2 / 3 / 0.5, 1e-9);
  EXPECT_NEAR(bill.cached_saving_usd.value(), 12, 1e-9);
  EXPECT_NEAR(bill.tokens_per_usd.value(), 8.5e6 / 15.4, 1e-3);
  EXPECT_NEAR(bill.full_joules.total.value(), 3.6e6 / 8.5e6, 1e-9);
  EXPECT_NEAR(bill.full_joules.output.value(), 2.4e6 / 5e5, 1e-9);
}

TEST(Bill, IsNotDividedWhereThePhasesAreNotKnown) {
  BillInput input = an_hour();
  input.phases = {.shared = 28800};
  const Bill bill = make_bill(input);
  EXPECT_EQ(bill.total, 16'000'000);
  EXPECT_TRUE(bill.usd_per_million.total.has_value());
  EXPECT_FALSE(bill.usd_per_million.computed_input.has_value());
  EXPECT_FALSE(bill.full_usd_per_million.output.has_value());
  EXPECT_FALSE(bill.full_joules.output.has_value());
  EXPECT_FALSE(bill.cached_saving_usd.has_value());
  EXPECT_EQ(bill.full[BillUse::kShared], bill.total);
}

// A cent an hour for half a second is 1.4 millionths of a dollar: what a token costs is not 1.
TEST(Bill, RoundsAmountsAndNotWhatATokenCosts) {
  const Bill bill =
      make_bill({.phases = {.prefill = 0.1, .decode = 0.3, .idle = 0.1, .basis = PhaseBasis::kTold},
                 .gpus = 1,
                 .parts = {{"rent", 0.01, 0.01}},
                 .tokens = {.computed_input = 400, .output = 600}});
  EXPECT_EQ(bill.total, 1);
  EXPECT_EQ(sum(bill.full), 1);
  EXPECT_NEAR(bill.usd_per_million.total.value(), 0.005 / 3600 / 1000 * 1e6, 1e-12);
  EXPECT_NEAR(bill.usd_per_million.computed_input.value(), 0.001 / 3600 / 400 * 1e6, 1e-12);
  EXPECT_NEAR(bill.full_usd_per_million.output.value(), 0.005 * 0.75 / 3600 / 600 * 1e6, 1e-12);
  EXPECT_NEAR(bill.tokens_per_usd.value(), 1000 * 3600 / 0.005, 1e-2);
}

// Whatever a run is like: rows, columns and full costs each add up to the bill, and the bill to
// price times time.
TEST(Bill, AddsUpOverRandomRuns) {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> exponent(-6, 5);
  const auto amount = [&] { return random() % 4 == 0 ? 0.0 : std::pow(10, exponent(random)); };
  for (int round = 0; round < 3000; ++round) {
    BillInput input{.phases = {.prefill = amount(),
                               .cached_input = amount(),
                               .decode = amount(),
                               .shared = amount(),
                               .idle = amount(),
                               .basis = static_cast<PhaseBasis>(random() % 5)},
                    .gpus = 1 + static_cast<int>(random() % 100),
                    .tokens = {.computed_input = static_cast<int64_t>(random() % 1'000'000'000),
                               .cached_input = static_cast<int64_t>(random() % 2),
                               .output = static_cast<int64_t>(random() % 1'000'000)}};
    for (size_t parts = random() % 7; parts > 0; --parts) {
      input.parts.push_back(
          {.name = "part", .usd_per_hour = amount(), .usd_per_idle_hour = amount()});
    }
    const Bill bill = make_bill(input);
    MicroUsd of_rows = 0;
    ByUse<MicroUsd> columns;
    double exact = 0;
    for (size_t i = 0; i < bill.rows.size(); ++i) {
      ASSERT_EQ(sum(bill.rows[i].uses), bill.rows[i].total);
      of_rows += bill.rows[i].total;
      for (size_t use = 0; use < kBillUses; ++use) {
        ASSERT_GE(bill.rows[i].uses.values[use], 0);
        columns.values[use] += bill.rows[i].uses.values[use];
      }
      exact += (input.phases.busy() * input.parts[i].usd_per_hour +
                input.phases.idle * input.parts[i].usd_per_idle_hour) /
               3600 / input.gpus;
    }
    ASSERT_EQ(of_rows, bill.total);
    ASSERT_EQ(columns.values, bill.uses.values);
    ASSERT_EQ(sum(bill.uses), bill.total);
    ASSERT_EQ(sum(bill.full), bill.total);
    ASSERT_NEAR(usd_of(bill.total), exact, 1e-6 + 1e-12 * exact);
  }
}

TEST(Bill, RefusesWhatCannotBe) {
  const auto refuses = [](auto change) {
    BillInput input = an_hour();
    change(input);
    EXPECT_THROW(make_bill(input), Error);
  };
  refuses([](BillInput& bill) { bill.gpus = 0; });
  refuses([](BillInput& bill) { bill.phases.decode = -1; });
  refuses([](BillInput& bill) { bill.phases.idle = std::nan(""); });
  refuses([](BillInput& bill) { bill.parts[0].usd_per_hour = -1; });
  refuses([](BillInput& bill) { bill.parts[0].usd_per_hour = 1e11; });
  refuses([](BillInput& bill) { bill.tokens.output = -1; });
  refuses([](BillInput& bill) { bill.tokens.output = INT64_MAX; });
  refuses([](BillInput& bill) { bill.energy = HUGE_VAL; });
}

}  // namespace
}  // namespace hadal
