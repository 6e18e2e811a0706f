#include "measure/metrics/repeats.h"

#include <cmath>
#include <gtest/gtest.h>

namespace hadal {
namespace {

MetricValue repeat_of(double mean, std::optional<double> p90) {
  return {.id = "e2e/1", .unit = "s", .count = 10, .mean = mean, .p90 = p90};
}

TEST(Repeats, AreTheirMeanWithAnIntervalByTheirDifferences) {
  const std::vector<MetricValue> repeats = {repeat_of(1, 5), repeat_of(2, 5), repeat_of(3, 5)};
  const MetricValue all = combine_repeats(repeats);
  EXPECT_EQ(all.id, "e2e/1");
  EXPECT_EQ(all.unit, "s");
  EXPECT_EQ(all.count, 30);
  EXPECT_EQ(all.mean, 2);
  EXPECT_NEAR(all.mean_ci95->high, 2 + 4.3027 / std::sqrt(3), 1e-3);
  EXPECT_EQ(all.p90, 5);
  EXPECT_EQ(all.p90_ci95->low, 5);
  EXPECT_FALSE(all.p50);
}

TEST(Repeats, WhatOneLacksAllLack) {
  const std::vector<MetricValue> repeats = {repeat_of(1, 5), repeat_of(2, std::nullopt)};
  EXPECT_FALSE(combine_repeats(repeats).p90);
  EXPECT_TRUE(combine_repeats(repeats).mean);
}

TEST(Repeats, OneIsItself) {
  std::vector<MetricValue> one = {repeat_of(1, 5)};
  one[0].mean_ci95 = {.low = 0.5, .high = 1.5};
  EXPECT_EQ(combine_repeats(one).mean_ci95->high, 1.5);
}

TEST(Repeats, OfPointsKeepFiguresThatAllHave) {
  PointRecord a{.metrics = {repeat_of(1, 2), {.id = "tokens.input/1", .mean = 7}}};
  PointRecord b{.metrics = {repeat_of(3, 4)}};
  const std::vector<MetricValue> all = combine_repeats(std::vector<PointRecord>{a, b});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].mean, 2);
  EXPECT_TRUE(combine_repeats(std::span<const PointRecord>()).empty());
}

}  // namespace
}  // namespace hadal
