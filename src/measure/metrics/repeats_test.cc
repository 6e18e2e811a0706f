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
  PointRecord a{.load = {.concurrency = 4},
                .window = {.kind = "steady"},
                .requests = {.attempted = 10, .ok = 9, .failed = 1},
                .metrics = {repeat_of(1, 2), {.id = "tokens.input/1", .mean = 7}},
                .warnings = {"one", "both"}};
  PointRecord b{.load = {.concurrency = 4},
                .repeat = 1,
                .window = {.kind = "steady"},
                .requests = {.attempted = 5, .ok = 5},
                .metrics = {repeat_of(3, 4)},
                .client = {.limited = true},
                .warnings = {"both"}};
  PointRecord other{.load = {.concurrency = 8}, .metrics = {repeat_of(50, 60)}};
  const auto all = combined_points(std::vector<PointRecord>{a, other, b, PointRecord(), {}});
  ASSERT_EQ(all.size(), 4U);  // loads that nobody knows stay apart
  EXPECT_EQ(all[0].repeats, 2);
  const PointRecord& both = all[0].point;
  ASSERT_EQ(both.metrics.size(), 1U);
  EXPECT_EQ(both.metrics[0].mean, 2);
  EXPECT_EQ(both.metrics[0].mean_ci95->low, 0);  // 2 - 12.7, but no time is below zero
  EXPECT_NEAR(both.metrics[0].mean_ci95->high, 2 + 12.706, 1e-3);
  EXPECT_EQ(both.requests.attempted, 15);
  EXPECT_EQ(both.requests.failed, 1);
  EXPECT_EQ(both.warnings, (std::vector<std::string>{"one", "both"}));
  EXPECT_TRUE(both.client.limited);
  EXPECT_EQ(both.window.kind, "steady");
  EXPECT_EQ(all[1].repeats, 1);
  EXPECT_EQ(all[1].point.metrics[0].mean, 50);
  EXPECT_TRUE(combined_points({}).empty());
}

TEST(Repeats, OfUnlikeWindowsAreOfTheWholeRuns) {
  PointRecord a{.load = {.rate = 2},
                .window = {.kind = "steady"},
                .metrics = {repeat_of(1, 2)},
                .full_run_metrics = {repeat_of(5, 2)}};
  PointRecord b = a;
  b.window.kind = "full";
  const auto all = combined_points(std::vector<PointRecord>{a, b});
  EXPECT_EQ(all.at(0).point.metrics.at(0).mean, 5);
  EXPECT_EQ(all[0].point.window.kind, "full");
}

}  // namespace
}  // namespace hadal
