#include "cli/measure_costs.h"

#include <gtest/gtest.h>

#include "measure/metrics/metric_ids.h"

namespace hadal {
namespace {

PointRecord point_at(int users, double input_rate, double output_rate) {
  PointRecord point;
  point.load.concurrency = users;
  point.window = {.begin = 0, .end = 100};
  point.metrics = {{.id = std::string(metric_ids::kRateInput), .count = 10, .mean = input_rate},
                   {.id = std::string(metric_ids::kRateOutput), .count = 10, .mean = output_rate}};
  return point;
}

CostBasis rent() {
  return {.input = {.gpus = 2,
                    .own = DeploymentCosts{.name = "rent", .gpus = 2, .rent_usd_per_gpu_hour = 1}}};
}

RequestRecord answered(double sent, double first, double ended) {
  RequestRecord request;
  request.sent = sent;
  request.first_token = first;
  request.ended = ended;
  request.input_tokens = 100;
  request.output_tokens = 50;
  return request;
}

TEST(MeasureCosts, TimeWithoutRequestsIsIdle) {
  PointSamples samples;
  samples.requests = {answered(0, 1, 4), answered(6, 7, 10)};
  samples.duration = 10;
  const auto phases = phases_of(samples);
  ASSERT_TRUE(phases);
  EXPECT_DOUBLE_EQ(phases->idle, 2);
  EXPECT_DOUBLE_EQ(phases->all(), 10);
  EXPECT_FALSE(phases_of({}));
}

TEST(MeasureCosts, AMeterOfTheMachineGoesBeforeOneOfItsBoards) {
  PointRecord point;
  EXPECT_FALSE(measured_power(point));
  point.metrics = {{.id = "power.mean.gpu.provisioned/1", .mean = 900}};
  EXPECT_FALSE(measured_power(point));
  point.metrics.push_back({.id = "power.mean.gpu/1", .mean = 700});
  ASSERT_TRUE(measured_power(point));
  EXPECT_EQ(measured_power(point)->basis, PowerBasis::kMeasuredBoards);
  point.metrics.push_back({.id = "power.mean.node/1", .mean = 1500});
  point.metrics.push_back({.id = "power.idle.node/1", .mean = 400});
  const auto power = measured_power(point);
  EXPECT_EQ(power->basis, PowerBasis::kMeasuredMachine);
  EXPECT_DOUBLE_EQ(power->it_kw, 1.5);
  EXPECT_DOUBLE_EQ(power->idle_kw.value(), 0.4);
}

TEST(MeasureCosts, GivenWattsAreProvisionedPower) {
  PointRecord point = point_at(1, 10, 100);
  point.metrics.push_back({.id = "power.mean.node.provisioned/1", .mean = 700});
  EXPECT_EQ(provisioned_power(point)->it_kw, 0.7);
  // 700 W over 110 tokens a second.
  const std::string text = point_costs(rent(), point, {});
  EXPECT_NE(text.find("0.700 kW of IT power in all, provisioned"), std::string::npos) << text;
  EXPECT_NE(text.find("6.36"), std::string::npos) << text;
  // What the costs file says is of the whole machine.
  CostBasis filed = rent();
  filed.input.own->it_kw = 2;
  EXPECT_NE(point_costs(filed, point, {}).find("2.00 kW of IT power"), std::string::npos);
  point.metrics.push_back({.id = "power.mean.node/1", .mean = 550});
  EXPECT_NE(point_costs(filed, point, {}).find("0.550 kW of IT power in all, measured"),
            std::string::npos);
}

TEST(MeasureCosts, TheRecommendedPointIsBilled) {
  const std::vector<PointRecord> points = {point_at(1, 10, 100), point_at(4, 30, 300),
                                           point_at(8, 40, 400)};
  EXPECT_NE(best_costs(rent(), points, {}).find("concurrency 8"), std::string::npos)
      << best_costs(rent(), points, {});
  EXPECT_NE(best_costs(rent(), points, {}, 4).find("concurrency 4"), std::string::npos);
  EXPECT_EQ(best_costs(rent(), {}, {}), "");
}

TEST(MeasureCosts, MoreCachedThanSentCostsNothingNegative) {
  PointRecord point = point_at(1, 10, 100);
  point.metrics.push_back({.id = std::string(metric_ids::kCacheHitShare), .mean = 1.5});
  EXPECT_FALSE(point_costs(rent(), point, {}).empty());
}

TEST(MeasureCosts, WhatCannotBeComputedIsSaidAndNotThrown) {
  CostBasis basis = rent();
  basis.input.own->tariff = Tariff{.usd_per_kwh = 0.2};  // and no power is known
  const std::vector<PointRecord> points = {point_at(1, 10, 100)};
  EXPECT_NE(best_costs(basis, points, {}).find("No costs: "), std::string::npos);
}

}  // namespace
}  // namespace hadal
