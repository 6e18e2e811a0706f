#include "measure/metrics/verdict.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "measure/metrics/metric_ids.h"

namespace hadal {
namespace {

namespace m = metric_ids;

struct Shape {
  int users = 1;
  double rate = 100;  // output tokens per second
  double ttft = 0.2;
  double tpot = 0.02;
  double input = 100;  // tokens of a request
  double output = 100;
  std::optional<double> good = {};  // share that meets the objective
};

PointRecord point_of(const Shape& s) {
  PointRecord out{.load = {.concurrency = s.users}};
  const auto add = [&](std::string_view id, double value, bool median) {
    MetricValue metric{.id = std::string(id), .count = 100, .mean = value};
    if (median) metric.p50 = value;
    out.metrics.push_back(metric);
  };
  add(m::kRateOutput, s.rate, false);
  add(m::kRateInput, s.rate * s.input / s.output, false);
  add(m::kTtftFirstToken, s.ttft, true);
  add(m::kTpotExclFirst, s.tpot, true);
  add(m::kE2e, s.ttft + s.tpot * (s.output - 1), true);
  add(m::kTokensInput, s.input, true);
  if (s.good) add(m::kGoodputShare, *s.good, false);
  return out;
}

std::vector<PointRecord> points_of(std::initializer_list<Shape> shapes) {
  std::vector<PointRecord> out;
  for (const Shape& shape : shapes) out.push_back(point_of(shape));
  return out;
}

bool says(const std::vector<std::string>& lines, std::string_view words) {
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    return line.find(words) != std::string::npos;
  });
}

TEST(Verdict, GrowingThroughputIsNoLimit) {
  const EndpointVerdict v = judge_endpoint(
      points_of({{.users = 1, .rate = 50}, {.users = 2, .rate = 95}, {.users = 4, .rate = 170}}));
  EXPECT_EQ(v.limit, Limit::kNotReached);
  EXPECT_FALSE(v.knee);
  EXPECT_EQ(v.users, 4);
  EXPECT_TRUE(says(v.reasons, "still grew at 4 users"));
}

TEST(Verdict, ServerSaturated) {
  const EndpointVerdict v = judge_endpoint(points_of({{.users = 1, .rate = 50},
                                                      {.users = 2, .rate = 95},
                                                      {.users = 4, .rate = 160, .tpot = 0.025},
                                                      {.users = 8, .rate = 165, .tpot = 0.05}}));
  EXPECT_EQ(v.limit, Limit::kServerSaturated);
  EXPECT_EQ(v.knee, 4);
  EXPECT_EQ(v.users, 4);
  EXPECT_DOUBLE_EQ(*v.tokens_per_user_second, 40);
  EXPECT_EQ(v.tokens_per_second, 160);
  EXPECT_EQ(v.headline,
            "4 users at a time, each at 40 tokens/s after a wait of 200 ms; 160 "
            "tokens/s in all");
}

TEST(Verdict, Queueing) {
  const EndpointVerdict v = judge_endpoint(points_of({{.users = 1, .rate = 50},
                                                      {.users = 2, .rate = 95},
                                                      {.users = 4, .rate = 97, .ttft = 2.3},
                                                      {.users = 8, .rate = 96, .ttft = 6.5}}));
  EXPECT_EQ(v.limit, Limit::kQueueing);
  EXPECT_EQ(v.knee, 2);
  EXPECT_TRUE(says(v.reasons, "from 200 ms to 6.5 s"));
}

TEST(Verdict, Prefill) {
  // Alone an input of 8,000 takes a second. At the plateau 7,500 come each second.
  const EndpointVerdict v = judge_endpoint(
      points_of({{.users = 1, .rate = 33, .ttft = 1, .input = 8000},
                 {.users = 4, .rate = 93.75, .ttft = 2, .tpot = 0.023, .input = 8000},
                 {.users = 8, .rate = 94, .ttft = 4, .tpot = 0.045, .input = 8000}}));
  EXPECT_EQ(v.limit, Limit::kPrefill);
  EXPECT_TRUE(says(v.reasons, "94 % of the speed"));
}

TEST(Verdict, CachedInputsAreNotRead) {
  std::vector<PointRecord> points =
      points_of({{.users = 1, .rate = 33, .ttft = 1, .input = 8000},
                 {.users = 4, .rate = 93.75, .ttft = 1.2, .tpot = 0.023, .input = 8000},
                 {.users = 8, .rate = 94, .ttft = 1.4, .tpot = 0.06, .input = 8000}});
  points[1].metrics.push_back({.id = std::string(m::kCacheHitShare), .mean = 0.9});
  EXPECT_EQ(judge_endpoint(points).limit, Limit::kServerSaturated);
}

TEST(Verdict, Client) {
  std::vector<PointRecord> points = points_of(
      {{.users = 1, .rate = 50}, {.users = 2, .rate = 95}, {.users = 4, .rate = 98, .tpot = 0.04}});
  points[2].client = {.limited = true, .reasons = {"events lay unread for 12 ms"}};
  // It had stopped growing before this machine fell behind.
  EXPECT_EQ(judge_endpoint(points).limit, Limit::kServerSaturated);
  points[1].client = points[2].client;
  const EndpointVerdict v = judge_endpoint(points);
  EXPECT_EQ(v.limit, Limit::kClient);
  EXPECT_TRUE(says(v.reasons, "events lay unread"));
}

TEST(Verdict, Network) {
  std::vector<PointRecord> points = points_of({{.users = 1, .rate = 50}, {.users = 2, .rate = 95}});
  EXPECT_EQ(judge_endpoint(points, {.round_trip = 0.1}).limit, Limit::kNetwork);
  EXPECT_EQ(judge_endpoint(points, {.round_trip = 0.01}).limit, Limit::kNotReached);
  // Headers long before the first token, and yet late.
  points[0].metrics.push_back({.id = std::string(m::kHeadersDelay), .mean = 0.1});
  EXPECT_EQ(judge_endpoint(points).limit, Limit::kNetwork);
  // With the first token they tell nothing.
  points[0].metrics.back().mean = 0.199;
  EXPECT_EQ(judge_endpoint(points).limit, Limit::kNotReached);
  // Half of the gaps nothing: the stream was collected on its way.
  points[0].metrics.back() = {.id = std::string(m::kItlPooled), .mean = 0.02, .p50 = 1e-5};
  const EndpointVerdict v = judge_endpoint(points);
  EXPECT_EQ(v.limit, Limit::kNetwork);
  EXPECT_TRUE(says(v.next, "proxy"));
}

TEST(Verdict, ObjectiveBreaksFirst) {
  const EndpointVerdict v =
      judge_endpoint(points_of({{.users = 1, .rate = 50, .good = 1},
                                {.users = 2, .rate = 95, .good = 0.97},
                                {.users = 4, .rate = 170, .tpot = 0.023, .good = 0.4},
                                {.users = 8, .rate = 290, .tpot = 0.027, .good = 0.95}}));
  EXPECT_EQ(v.limit, Limit::kObjective);
  EXPECT_EQ(v.most_within_objective, 2);
  EXPECT_EQ(v.users, 2);
  EXPECT_TRUE(says(v.reasons, "at 4 users 40 % of the requests met the objective"));
}

TEST(Verdict, AnObjectiveThatNeverHolds) {
  const EndpointVerdict v = judge_endpoint(
      points_of({{.users = 1, .rate = 50, .good = 0.1}, {.users = 2, .rate = 95, .good = 0}}));
  EXPECT_EQ(v.limit, Limit::kObjective);
  EXPECT_EQ(v.users, 0);
  EXPECT_EQ(v.headline, "Not even the smallest load meets the objective");
}

TEST(Verdict, Failures) {
  std::vector<PointRecord> points = points_of({{.users = 1, .rate = 50}, {.users = 2, .rate = 95}});
  points.push_back({.load = {.concurrency = 4},
                    .requests = {.attempted = 10, .failed = 9, .failures = {{"http_429", 9}}},
                    .invalid = true});
  const EndpointVerdict v = judge_endpoint(points);
  EXPECT_EQ(v.limit, Limit::kFailures);
  EXPECT_EQ(v.users, 2);
  EXPECT_TRUE(says(v.reasons, "at 4 users 9 of 10 requests failed: http_429 9"));
  const EndpointVerdict alone = judge_endpoint(std::span(points).last(1));
  EXPECT_EQ(alone.limit, Limit::kFailures);
  EXPECT_EQ(alone.users, 0);
}

TEST(Verdict, OfNothingSaysSo) {
  const EndpointVerdict v = judge_endpoint({});
  EXPECT_EQ(v.users, 0);
  EXPECT_EQ(v.headline, "No load was served well enough to measure");
}

TEST(Verdict, OrderDoesNotMatter) {
  std::vector<PointRecord> points = points_of({{.users = 4, .rate = 97, .ttft = 2.3},
                                               {.users = 1, .rate = 50},
                                               {.users = 8, .rate = 96, .ttft = 6.5},
                                               {.users = 2, .rate = 95}});
  EXPECT_EQ(judge_endpoint(points).limit, Limit::kQueueing);
  EXPECT_EQ(judge_endpoint(points).knee, 2);
}

}  // namespace
}  // namespace hadal
