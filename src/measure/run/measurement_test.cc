// Whole measurements of a server whose every act is known.
#include "measure/run/measurement.h"

#include <atomic>
#include <gtest/gtest.h>
#include <mutex>
#include <set>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"
#include "measure/selftest/scripted_server.h"

namespace hadal {
namespace {

Endpoint measured_endpoint_of(const ScriptedServer& server) {
  return {.base = server.url(),
          .model = "scripted",
          .takes_token_ids = true,
          .takes_ignore_eos = true,
          .has_usage = true,
          .style = {.form = PromptForm::kTokens, .vocabulary = Vocabulary(100, 1000)}};
}

struct KeptPoints : MeasureObserver {
  void batch(const LoadBatch& batch) override { batched += batch.requests.size(); }
  void point_ends(const PointRecord& /*point*/, const PointSamples& samples) override {
    kept.push_back(samples);
  }
  size_t batched = 0;
  std::vector<PointSamples> kept;
};

double mean_of(const PointRecord& point, std::string_view id) {
  const MetricValue* found = find_metric(point.metrics, id);
  return found == nullptr ? -1 : found->mean.value_or(-1);
}

TEST(Measurement, PointsAreWarmedUpMeasuredAndSummedUp) {
  std::mutex mutex;
  std::multiset<std::string> bodies;
  const ScriptedServer server([&](const ScriptedRequest& request) {
    const std::lock_guard lock(mutex);
    bodies.insert(request.body);
    return paced_answer(5, 0.004, 0.002, 16);
  });
  const Endpoint endpoint = measured_endpoint_of(server);
  const MeasureOptions options = {.workload = {.name = "16:5"},
                                  .concurrency = {1, 4},
                                  .requests = 24,
                                  .warm_up = 3,
                                  .repeats = 2};
  KeptPoints kept;
  const std::atomic<bool> stop = false;
  const MeasureOutcome outcome = measure(endpoint, options, {}, kept, stop);
  EXPECT_EQ(outcome.state, RunState::kComplete) << outcome.reason;
  ASSERT_EQ(outcome.points.size(), 4U);
  EXPECT_EQ(kept.batched, 4U * 24U);
  EXPECT_EQ(bodies.size(), 4U * (24U + 3U)) << "warm-ups were sent besides";
  EXPECT_EQ(std::set<std::string>(bodies.begin(), bodies.end()).size(), bodies.size())
      << "no prompt is sent twice, in no repeat and no warm-up";
  for (const PointRecord& point : outcome.points) {
    EXPECT_EQ(point.requests.attempted, 24);
    EXPECT_EQ(point.requests.ok, 24);
    EXPECT_EQ(mean_of(point, metric_ids::kTokensOutput), 5);
    EXPECT_GE(mean_of(point, metric_ids::kTtftFirstToken), 0.004);
    EXPECT_GT(mean_of(point, metric_ids::kTpotExclFirst), 0);
  }
  EXPECT_EQ(outcome.points[0].load.concurrency, 1);
  // In rounds over all loads.
  EXPECT_EQ(outcome.points[1].load.concurrency, 4);
  EXPECT_EQ(outcome.points[1].repeat, 0);
  EXPECT_EQ(outcome.points[2].load.concurrency, 1);
  EXPECT_EQ(outcome.points[2].repeat, 1);
}

TEST(Measurement, PromptsThatBeginAlikeAreNotSent) {
  const ScriptedServer server([](const ScriptedRequest&) { return paced_answer(2, 0, 0); });
  Endpoint endpoint = measured_endpoint_of(server);
  // Two ids cannot make forty prompts of three tokens that are unlike.
  endpoint.style.vocabulary = Vocabulary(100, 102);
  KeptPoints kept;
  const std::atomic<bool> stop = false;
  EXPECT_THROW(
      measure(endpoint,
              {.workload = {.name = "3:2"}, .concurrency = {2}, .requests = 40, .warm_up = 0}, {},
              kept, stop),
      Error);
  EXPECT_TRUE(server.served().empty());
}

TEST(Measurement, AnAutomaticWarmUpEnds) {
  const ScriptedServer server([](const ScriptedRequest&) { return paced_answer(5, 0.001, 0.001); });
  const Endpoint endpoint = measured_endpoint_of(server);
  KeptPoints kept;
  const std::atomic<bool> stop = false;
  const MeasureOutcome outcome = measure(
      endpoint, {.workload = {.name = "16:5"}, .concurrency = {2}, .requests = 10}, {}, kept, stop);
  EXPECT_EQ(outcome.state, RunState::kComplete);
  EXPECT_EQ(outcome.points.at(0).requests.attempted, 10);
  EXPECT_GT(server.served().size(), 14U);
}

TEST(Measurement, FailuresBeyondTheShareMakeARunInvalid) {
  const ScriptedServer server([](const ScriptedRequest& request) {
    ScriptedAnswer answer = paced_answer(2, 0, 0);
    if (request.index % 4 == 0) answer.status = 500;
    return answer;
  });
  const Endpoint endpoint = measured_endpoint_of(server);
  KeptPoints kept;
  const std::atomic<bool> stop = false;
  MeasureOptions options = {
      .workload = {.name = "16:2"}, .concurrency = {2}, .requests = 40, .warm_up = 0};
  EXPECT_EQ(measure(endpoint, options, {}, kept, stop).state, RunState::kInvalid);
  options.point.most_failures = 0.5;
  const MeasureOutcome tolerant = measure(endpoint, options, {}, kept, stop);
  EXPECT_EQ(tolerant.state, RunState::kComplete);
  EXPECT_EQ(tolerant.points.at(0).requests.failed, 10);
}

TEST(Measurement, AServerThatFailsAlwaysFailsTheRun) {
  const ScriptedServer server([](const ScriptedRequest&) { return ScriptedAnswer{.status = 503}; });
  const Endpoint endpoint = measured_endpoint_of(server);
  KeptPoints kept;
  const std::atomic<bool> stop = false;
  const MeasureOutcome outcome =
      measure(endpoint,
              {.workload = {.name = "16:2"}, .concurrency = {4}, .requests = 10'000, .warm_up = 0},
              {}, kept, stop);
  EXPECT_EQ(outcome.state, RunState::kFailed);
  EXPECT_NE(outcome.reason.find("http_503"), std::string::npos);
}

TEST(Measurement, NoAnswerInTimeIsNoFailureOfRequests) {
  const ScriptedServer server([](const ScriptedRequest&) { return paced_answer(2, 60, 0); });
  const Endpoint endpoint = measured_endpoint_of(server);
  KeptPoints kept;
  const std::atomic<bool> stop = false;
  const MeasureOutcome outcome = measure(endpoint,
                                         {.workload = {.name = "16:2"},
                                          .concurrency = {2},
                                          .requests = 4,
                                          .longest = 0.2,
                                          .warm_up = 0},
                                         {}, kept, stop);
  EXPECT_EQ(outcome.state, RunState::kFailed);
  EXPECT_NE(outcome.reason.find("no answer ended in the time"), std::string::npos)
      << outcome.reason;
}

TEST(Measurement, AWarmUpThatNobodyAnswersIsTheEnd) {
  const ScriptedServer server([](const ScriptedRequest&) { return ScriptedAnswer{.status = 503}; });
  const Endpoint endpoint = measured_endpoint_of(server);
  KeptPoints kept;
  const std::atomic<bool> stop = false;
  const MeasureOutcome outcome =
      measure(endpoint, {.workload = {.name = "16:2"}, .concurrency = {4, 8}, .requests = 10'000},
              {}, kept, stop);
  EXPECT_EQ(outcome.state, RunState::kFailed);
  EXPECT_TRUE(outcome.points.empty());
  EXPECT_NE(outcome.reason.find("answered no warm-up"), std::string::npos) << outcome.reason;
}

TEST(Measurement, StoppingKeepsWhatWasMeasured) {
  std::atomic<bool> stop = false;
  const ScriptedServer server([&](const ScriptedRequest& request) {
    if (request.index == 10) stop = true;
    return paced_answer(2, 0.01, 0);
  });
  const Endpoint endpoint = measured_endpoint_of(server);
  KeptPoints kept;
  const MeasureOutcome outcome = measure(
      endpoint,
      {.workload = {.name = "16:2"}, .concurrency = {1, 2}, .requests = 100'000, .warm_up = 0}, {},
      kept, stop);
  EXPECT_EQ(outcome.state, RunState::kPartial);
  ASSERT_EQ(outcome.points.size(), 1U);
  EXPECT_GE(outcome.points[0].requests.ok, 9);
}

TEST(Measurement, OpenLoopCountsFromThePlan) {
  const ScriptedServer server([](const ScriptedRequest&) { return paced_answer(3, 0.01, 0.001); });
  const Endpoint endpoint = measured_endpoint_of(server);
  KeptPoints kept;
  const std::atomic<bool> stop = false;
  const MeasureOutcome outcome = measure(endpoint,
                                         {.workload = {.name = "16:3"},
                                          .rates = {100},
                                          .arrivals = "constant",
                                          .requests = 40,
                                          .warm_up = 2},
                                         {}, kept, stop);
  ASSERT_EQ(outcome.points.size(), 1U);
  const PointRecord& point = outcome.points[0];
  EXPECT_EQ(point.load.rate, 100);
  EXPECT_EQ(point.load.arrivals, "constant");
  EXPECT_GE(mean_of(point, metric_ids::kTtftFromPlan), 0.01);
  EXPECT_NE(find_metric(point.metrics, metric_ids::kLoadScheduleDelay), nullptr);
}

TEST(Measurement, ThePlanSaysWhatWillBeSent) {
  const ScriptedServer server([](const ScriptedRequest&) { return paced_answer(1, 0, 0); });
  const Endpoint endpoint = measured_endpoint_of(server);
  const auto plan = nlohmann::json::parse(describe_plan(
      endpoint, {.workload = {.name = "8k1k"}, .rates = {2.5}, .arrivals = "gamma:0.5"}));
  EXPECT_EQ(plan["points"][0]["rate"], 2.5);
  EXPECT_EQ(plan["points"][0]["sessions"], 150);
  EXPECT_EQ(plan["warm_up"], "until rates settle");
  EXPECT_EQ(plan["prompt_form"], "token_ids");
  EXPECT_TRUE(plan["workload"].is_object());
}

}  // namespace
}  // namespace hadal
