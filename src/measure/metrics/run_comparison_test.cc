#include "measure/metrics/run_comparison.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "support/made_up_answers.h"

namespace hadal {
namespace {

TEST(RunComparison, RatioByHand) {
  // Ratios 2, 4 and 8: geometric mean 4, logarithms ln 2 apart.
  const std::vector<double> a = {1, 1, 1};
  const std::vector<double> b = {2, 4, 8};
  const RatioEstimate ratio = paired_ratio(a, b).value();
  EXPECT_NEAR(ratio.ratio, 4, 1e-12);
  EXPECT_EQ(ratio.pairs, 3);
  EXPECT_NEAR(std::log(ratio.ci95->high / 4), 4.3027 * std::log(2) / std::sqrt(3), 1e-3);
}

TEST(RunComparison, PairsThatHaveNoRatioAreLeftOut) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> a = {0, 1, nan, 2, -1};
  const std::vector<double> b = {1, 3, 1, 0, 1};
  const RatioEstimate ratio = paired_ratio(a, b).value();
  EXPECT_NEAR(ratio.ratio, 3, 1e-12);
  EXPECT_EQ(ratio.pairs, 1);
  EXPECT_FALSE(ratio.ci95);
  EXPECT_FALSE(paired_ratio(a, {}));
}

// Blocks whose machine drifts by half while the second stays `ratio` times the first.
int shown_of_200(double ratio) {
  std::mt19937_64 random(1);
  int shown = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<double> a;
    std::vector<double> b;
    for (int block = 0; block < 8; ++block) {
      const double drift = 1 + 0.5 * block / 7;
      a.push_back(drift * std::exp(0.02 * test::normal(random)));
      b.push_back(drift * ratio * std::exp(0.02 * test::normal(random)));
    }
    const Interval interval = paired_ratio(a, b)->ci95.value();
    shown += interval.low > 1 || interval.high < 1 ? 1 : 0;
  }
  return shown;
}

TEST(RunComparison, DriftDropsOut) {
  EXPECT_GE(shown_of_200(1.05), 190);  // 5 % are seen through a drift of 50 %
  EXPECT_LE(shown_of_200(1), 20);      // and nothing where nothing is
}

std::vector<PointRecord> blocks(std::string_view id, std::initializer_list<double> means) {
  std::vector<PointRecord> out;
  for (const double mean : means) {
    out.push_back({.metrics = {{.id = std::string(id), .mean = mean}}});
  }
  return out;
}

ComparisonFinding finding(std::string_view id, std::initializer_list<double> a,
                          std::initializer_list<double> b) {
  const std::vector<MetricComparison> all = compare_blocks(blocks(id, a), blocks(id, b));
  EXPECT_EQ(all.size(), 1U);
  EXPECT_EQ(all.at(0).statistic, "mean");
  return all.at(0).finding;
}

TEST(RunComparison, KnowsWhichWayIsBetter) {
  EXPECT_EQ(finding("e2e/1", {1, 1.1, 1.2}, {2, 2.2, 2.5}), ComparisonFinding::kFirstBetter);
  EXPECT_EQ(finding("rate.output_tokens/1", {1, 1.1, 1.2}, {2, 2.2, 2.5}),
            ComparisonFinding::kSecondBetter);
  EXPECT_EQ(finding("tokens.input/1", {1, 1.1, 1.2}, {2, 2.2, 2.5}), ComparisonFinding::kDiffers);
  EXPECT_EQ(finding("e2e/1", {1, 2, 3}, {3, 2, 1}), ComparisonFinding::kNotShown);
  EXPECT_EQ(finding("e2e/1", {1}, {2}), ComparisonFinding::kNotShown);
}

TEST(RunComparison, BlocksWithoutPartnerAreLeftOut) {
  const auto all = compare_blocks(blocks("e2e/1", {1, 2, 100}), blocks("e2e/1", {2, 4}));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].ratio.pairs, 2);
  EXPECT_NEAR(all[0].ratio.ratio, 2, 1e-12);
  EXPECT_EQ(all[0].first, 1.5);
}

}  // namespace
}  // namespace hadal
