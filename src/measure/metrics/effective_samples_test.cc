#include "measure/metrics/effective_samples.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

#include "support/made_up_answers.h"

namespace hadal {
namespace {

// Each sample is `rho` times the one before and as much new that the variance stays 1.
std::vector<double> autoregressive(std::mt19937_64& random, int n, double rho, double mean = 0) {
  std::vector<double> out;
  double value = test::normal(random);
  for (int i = 0; i < n; ++i) {
    out.push_back(mean + value);
    value = rho * value + std::sqrt(1 - rho * rho) * test::normal(random);
  }
  return out;
}

TEST(EffectiveSamples, AutocorrelationByHand) {
  EXPECT_DOUBLE_EQ(lag1_autocorrelation(std::vector<double>{1, 2, 3, 4}), 0.25);
  EXPECT_DOUBLE_EQ(lag1_autocorrelation(std::vector<double>{1, -1, 1, -1}), -0.75);
}

TEST(EffectiveSamples, CountByHand) {
  EXPECT_DOUBLE_EQ(effective_count(std::vector<double>{1, 2, 3, 4}), 4 * 0.75 / 1.25);
  EXPECT_DOUBLE_EQ(effective_count(std::vector<double>{1, -1, 1, -1}), 4);
  EXPECT_EQ(effective_count({}), 0);
}

TEST(EffectiveSamples, SamplesAllAlikeAreNotCorrelated) {
  const std::vector<double> alike(1000, 0.1);
  EXPECT_EQ(lag1_autocorrelation(alike), 0);
  const Interval interval = mean_interval(alike).value();
  EXPECT_NEAR(interval.low, 0.1, 1e-12);
  EXPECT_NEAR(interval.high, 0.1, 1e-12);
}

TEST(EffectiveSamples, CountOfALongSeriesIsItsFormula) {
  std::mt19937_64 random(2);
  const std::vector<double> series = autoregressive(random, 50'000, 0.5);
  EXPECT_NEAR(effective_count(series) / 50'000, 1.0 / 3, 0.02);
}

TEST(EffectiveSamples, MeanIntervalByHand) {
  // Mean 3, deviation sqrt(2.5), t of 4 degrees 2.7764.
  const Interval interval = independent_mean_interval(std::vector<double>{5, 1, 3, 2, 4}).value();
  EXPECT_NEAR(interval.low, 3 - 2.7764 * std::sqrt(2.5 / 5), 1e-3);
  EXPECT_NEAR(interval.high, 3 + 2.7764 * std::sqrt(2.5 / 5), 1e-3);
}

TEST(EffectiveSamples, OneSampleHasNoInterval) {
  EXPECT_FALSE(mean_interval(std::vector<double>{3}));
  EXPECT_FALSE(independent_mean_interval(std::vector<double>{3}));
}

TEST(EffectiveSamples, OverflowGivesNoInterval) {
  const double huge = std::numeric_limits<double>::max();
  EXPECT_FALSE(mean_interval(std::vector<double>{huge, -huge, huge, huge}));
}

int covered_of_1000(double rho, int n) {
  std::mt19937_64 random(3);
  int covered = 0;
  for (int round = 0; round < 1000; ++round) {
    const Interval interval = mean_interval(autoregressive(random, n, rho, 7)).value();
    covered += interval.low <= 7 && 7 <= interval.high ? 1 : 0;
  }
  return covered;
}

TEST(EffectiveSamples, IntervalsCoverTheMeanOfIndependentSamples) {
  const int covered = covered_of_1000(0, 50);
  EXPECT_GE(covered, 930);
  EXPECT_LE(covered, 985);
}

TEST(EffectiveSamples, IntervalsCoverTheMeanOfSamplesThatFollowEachOther) {
  EXPECT_GE(covered_of_1000(0.5, 100), 900);
  EXPECT_GE(covered_of_1000(0.5, 400), 930);
}

TEST(EffectiveSamples, GroupsThatDifferMakeSamplesWorthLess) {
  // 30 groups of 200 samples that are all alike within a group: worth 30.
  std::mt19937_64 random(4);
  std::vector<double> values;
  std::vector<uint8_t> group;
  for (int g = 0; g < 30; ++g) {
    const double value = test::normal(random);
    values.insert(values.end(), 200, value);
    group.insert(group.end(), 200, static_cast<uint8_t>(g));
  }
  const GroupedSamples samples{.values = values, .group = group, .groups = 30};
  EXPECT_NEAR(grouped_effective_count_at_most(samples, 0), 28, 6);
  const Interval interval = grouped_mean_interval(samples).value();
  EXPECT_NEAR((interval.high - interval.low) / 2, 2.045 / std::sqrt(30), 0.1);
}

TEST(EffectiveSamples, IndependentSamplesInGroupsAreWorthMost) {
  std::mt19937_64 random(5);
  std::vector<double> values;
  std::vector<uint8_t> group;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(test::normal(random));
    group.push_back(static_cast<uint8_t>(i / 1000));
  }
  const GroupedSamples samples{.values = values, .group = group, .groups = 20};
  EXPECT_GT(grouped_effective_count_at_most(samples, 1), 8000);
}

TEST(EffectiveSamples, TwoGroupsTellNothing) {
  const std::vector<double> values = {1, 2, 3, 4};
  const std::vector<uint8_t> group = {0, 0, 1, 1};
  const GroupedSamples samples{.values = values, .group = group, .groups = 2};
  EXPECT_FALSE(grouped_mean_interval(samples));
  EXPECT_EQ(grouped_effective_count_at_most(samples, 2), 1);
}

}  // namespace
}  // namespace hadal
