#include "measure/run/comparison.h"

#include <atomic>
#include <gtest/gtest.h>
#include <mutex>
#include <set>

#include "measure/metrics/metric_ids.h"
#include "measure/selftest/scripted_server.h"

namespace hadal {
namespace {

Endpoint compared_endpoint_of(const ScriptedServer& server) {
  return {.base = server.url(),
          .model = "scripted",
          .takes_token_ids = true,
          .has_usage = true,
          .style = {.form = PromptForm::kTokens, .vocabulary = Vocabulary(100, 1000)}};
}

TEST(Comparison, BlocksAlternateAndBothGetTheSamePrompts) {
  std::mutex mutex;
  std::string order;
  std::multiset<std::string> bodies_of_a;
  std::multiset<std::string> bodies_of_b;
  const auto script = [&](char name, std::multiset<std::string>& bodies, double gap) {
    return [&order, &mutex, &bodies, name, gap](const ScriptedRequest& request) {
      const std::lock_guard lock(mutex);
      if (order.empty() || order.back() != name) order += name;
      bodies.insert(request.body);
      return paced_answer(8, 0.001, gap);
    };
  };
  const ScriptedServer a(script('a', bodies_of_a, 0.001));
  const ScriptedServer b(script('b', bodies_of_b, 0.01));
  MeasureObserver observer;
  const std::atomic<bool> stop = false;
  const ComparisonOutcome outcome = compare_endpoints(
      compared_endpoint_of(a), compared_endpoint_of(b),
      {.workload = {.name = "16:8"}, .concurrency = {2}, .requests = 12, .warm_up = 0}, 4,
      [&](bool) -> MeasureObserver& { return observer; }, stop);
  EXPECT_EQ(outcome.a.state, RunState::kComplete);
  EXPECT_EQ(outcome.b.state, RunState::kComplete);
  EXPECT_EQ(order, "ababa") << "a b, b a, a b, b a";
  EXPECT_EQ(bodies_of_a.size(), 48U);
  EXPECT_EQ(bodies_of_a, bodies_of_b);
  // Ten times the gap: the slower one must come out slower, surely.
  bool found = false;
  for (const MetricComparison& comparison : outcome.metrics) {
    if (comparison.id != metric_ids::kTpotExclFirst || comparison.statistic != "mean") continue;
    found = true;
    EXPECT_EQ(comparison.finding, ComparisonFinding::kFirstBetter);
    EXPECT_GT(comparison.ratio.ratio, 2);
    ASSERT_TRUE(comparison.ratio.ci95);
    EXPECT_GT(comparison.ratio.ci95->low, 1);
  }
  EXPECT_TRUE(found);
  EXPECT_NE(comparison_table(outcome).find("A is better"), std::string::npos);
}

TEST(Comparison, AFailureOfOneIsNotTheOthers) {
  const ScriptedServer a([](const ScriptedRequest&) { return ScriptedAnswer{.status = 500}; });
  const ScriptedServer b([](const ScriptedRequest&) { return paced_answer(8, 0, 0); });
  MeasureObserver observer;
  const std::atomic<bool> stop = false;
  const ComparisonOutcome outcome = compare_endpoints(
      compared_endpoint_of(b), compared_endpoint_of(a),
      {.workload = {.name = "16:8"}, .concurrency = {2}, .requests = 4, .warm_up = 0}, 2,
      [&](bool) -> MeasureObserver& { return observer; }, stop);
  EXPECT_EQ(outcome.b.state, RunState::kFailed);
  EXPECT_EQ(outcome.a.state, RunState::kPartial);
  EXPECT_EQ(outcome.a.reason, "B ended");
}

}  // namespace
}  // namespace hadal
