// What other tools are known to get wrong in figures, each as a test of its own.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <utility>

#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"
#include "measure/metrics/point_metrics.h"
#include "support/made_up_answers.h"

namespace hadal {
namespace {

namespace m = metric_ids;

bool warns(const PointRecord& point, std::string_view words) {
  return std::any_of(point.warnings.begin(), point.warnings.end(), [&](const std::string& text) {
    return text.find(words) != std::string::npos;
  });
}

TEST(Faults, ALimitedClientIsSaid) {
  PointSamples samples = test::closed_loop({});
  samples.client = {.limited = true, .reasons = {"its busiest thread used 97 % of a core"}};
  const PointRecord point = summarise_point(samples, {.concurrency = 4});
  EXPECT_TRUE(point.client.limited);
  EXPECT_TRUE(warns(point, "the client itself may have been the limit: its busiest thread"));
}

// Draft tokens come several to an event: an event is no token.
TEST(Faults, ChunksAreNotTokens) {
  PointSamples samples;
  test::add_answer(samples, {.ttft = 1, .tpot = 1, .output = 9, .tokens_per_event = 4});
  const PointRecord point = summarise_point(samples, {});
  ASSERT_EQ(samples.events[0].size(), 3U);
  EXPECT_DOUBLE_EQ(*metric_mean(point.metrics, m::kTpotExclFirst), 1);
  EXPECT_DOUBLE_EQ(*metric_mean(point.metrics, m::kItlPooled), 4);
  EXPECT_DOUBLE_EQ(*metric_mean(point.metrics, m::kTokensOutput), 9);
  EXPECT_DOUBLE_EQ(*metric_mean(point.metrics, m::kTokensPerEvent), 3);
  EXPECT_DOUBLE_EQ(*metric_mean(point.metrics, m::kRateOutput), 1);
}

TEST(Faults, TokensWithoutUsageAreCalledEstimated) {
  PointSamples samples = test::closed_loop({});
  samples.requests[3].tokens_estimated = true;
  const PointRecord point = summarise_point(samples, {.concurrency = 4});
  EXPECT_TRUE(warns(point, "tokens are estimated: 1 of 40 answers"));
  EXPECT_FALSE(warns(summarise_point(test::closed_loop({}), {.concurrency = 4}), "estimated"));
}

TEST(Faults, RequestedLengthIsNotActualLength) {
  PointSamples samples = test::closed_loop({});
  for (RequestRecord& r : samples.requests) {
    r.asked_input_tokens = 20;
    r.asked_output_tokens = 16;
  }
  const PointRecord point = summarise_point(samples, {.concurrency = 4});
  EXPECT_EQ(metric_mean(point.metrics, m::kTokensInput), 100);
  EXPECT_EQ(metric_mean(point.metrics, m::kTokensInputAsked), 20);
  EXPECT_EQ(metric_mean(point.metrics, m::kTokensOutput), 11);
  EXPECT_EQ(metric_mean(point.metrics, m::kTokensOutputAsked), 16);
  EXPECT_TRUE(warns(point, "800 input tokens were meant and 4000 were counted"));
  EXPECT_TRUE(warns(point, "640 output tokens were asked for at most and 440 came"));
  // One in a hundred is nobody's fault.
  for (RequestRecord& r : samples.requests) {
    r.asked_input_tokens = 99;
    r.asked_output_tokens = 11;
  }
  EXPECT_FALSE(warns(summarise_point(samples, {.concurrency = 4}), "were meant"));
}

TEST(Faults, ReasoningIsAFirstTokenButNoAnswer) {
  PointSamples samples;
  test::add_answer(samples, {.ttft = 1, .tpot = 1, .output = 9}).first_answer_token = 6;
  test::add_answer(samples, {.ttft = 1, .tpot = 1, .output = 9}).first_answer_token.reset();
  const PointRecord point = summarise_point(samples, {});
  EXPECT_EQ(metric_mean(point.metrics, m::kTtftFirstToken), 1);
  EXPECT_EQ(metric_mean(point.metrics, m::kTtftFirstAnswerToken), 6);
  EXPECT_EQ(find_metric(point.metrics, m::kTtftFirstAnswerToken)->count, 1);
  EXPECT_EQ(metric_mean(point.metrics, m::kTokensOutput), 9);
}

TEST(Faults, WarmCachesAreNotTakenForSpeed) {
  PointSamples samples = test::closed_loop({});
  for (RequestRecord& r : samples.requests) {
    r.cached_tokens = 30;
    r.expected_cached_tokens = 29;
  }
  EXPECT_FALSE(warns(summarise_point(samples, {.concurrency = 4}), "seen these prompts"));
  for (RequestRecord& r : samples.requests) r.expected_cached_tokens = 10;
  const PointRecord point = summarise_point(samples, {.concurrency = 4});
  EXPECT_TRUE(warns(point,
                    "30.0 % of the input came from the server's cache where the workload "
                    "says at most 10.0 %"));
  EXPECT_DOUBLE_EQ(*metric_mean(point.metrics, m::kCacheHitShare), 0.3);
  EXPECT_DOUBLE_EQ(*metric_mean(point.metrics, m::kCacheExpectedHitShare), 0.1);
}

TEST(Faults, RampAndDrainAreNotInTheSteadyRate) {
  PointSamples samples = test::closed_loop({.concurrency = 4, .requests = 40});
  test::add_answer(samples, {.sent = 15, .tpot = 2});  // one straggler for 20 s
  const PointRecord point = summarise_point(samples, {.concurrency = 4});
  const double steady = *metric_mean(point.metrics, m::kRateOutput);
  const double full = *metric_mean(point.full_run_metrics, m::kRateOutput);
  EXPECT_NEAR(steady, 4 * 11 / 1.5, 0.01);
  EXPECT_NEAR(full, 41 * 11 / 35.5, 1e-9);
  EXPECT_FALSE(point.window.rule.empty());
}

// A server that stands still for ten seconds, and a client that sends the next request only when
// the one before is done: by its own clock only one answer was slow.
TEST(Faults, WaitingToBeSentCountsUnderOpenLoop) {
  PointSamples samples;
  double free_at = 0;
  for (int i = 0; i < 100; ++i) {
    const double sent = std::max(i * 0.2, free_at);
    const double ttft = i == 20 ? 10 : 0.05;
    RequestRecord& r =
        test::add_answer(samples, {.sent = sent, .ttft = ttft, .tpot = 0.01, .output = 2});
    r.planned = i * 0.2;
    free_at = r.ended;
  }
  const PointRecord point = summarise_point(samples, {.rate = 5, .arrivals = "constant"});
  const MetricValue& from_plan = *find_metric(point.full_run_metrics, m::kTtftFromPlan);
  const MetricValue& from_sending = *find_metric(point.full_run_metrics, m::kTtftFirstToken);
  EXPECT_LT(*from_sending.p90, 0.06);
  EXPECT_GT(*from_plan.p90, 5);
  EXPECT_GT(*find_metric(point.full_run_metrics, m::kLoadScheduleDelay)->p90, 5);
}

TEST(Faults, ARateThatWasNotReachedIsSaid) {
  PointSamples samples;
  for (int i = 0; i < 100; ++i) test::add_answer(samples, {.sent = i * 0.5}).planned = i * 0.25;
  const PointRecord point = summarise_point(samples, {.rate = 4, .arrivals = "constant"});
  EXPECT_NEAR(*metric_mean(point.full_run_metrics, m::kLoadAchievedRate), 2, 1e-9);
  EXPECT_EQ(metric_mean(point.full_run_metrics, m::kLoadRequestedRate), 4);
  EXPECT_TRUE(warns(point, "4 requests per second were asked for and 2 were sent"));
}

TEST(Faults, FailuresAreCountedByClassAndInNoLatency) {
  PointSamples samples = test::closed_loop({.concurrency = 1, .requests = 97});
  test::add_failure(samples, 1, 1.01, "http_500");
  test::add_failure(samples, 2, 2.01, "http_500");
  test::add_failure(samples, 3, 3.01, "stream_error");
  const PointRecord point = summarise_point(samples, {.concurrency = 1}, {.objective = {.e2e = 2}});
  EXPECT_EQ(point.requests.attempted, 100);
  EXPECT_EQ(point.requests.ok, 97);
  EXPECT_EQ(point.requests.failed, 3);
  ASSERT_EQ(point.requests.failures.size(), 2U);
  EXPECT_EQ(point.requests.failures[0].failure, "http_500");
  EXPECT_EQ(point.requests.failures[0].count, 2);
  EXPECT_NEAR(*metric_mean(point.full_run_metrics, m::kE2e), 1.5, 1e-9);
  EXPECT_FALSE(point.invalid);
  EXPECT_TRUE(warns(point, "3 of 100 requests failed (http_500 2, stream_error 1)"));
}

TEST(Faults, GoodputIsOverAllThatWasAttempted) {
  PointSamples samples = test::closed_loop({.concurrency = 1, .requests = 6});
  for (int i = 0; i < 4; ++i) test::add_failure(samples, i, i + 0.01, "http_500");
  const PointRecord point = summarise_point(samples, {}, {.objective = {.e2e = 2}});
  EXPECT_DOUBLE_EQ(*metric_mean(point.metrics, m::kGoodputShare), 0.6);
  EXPECT_NEAR(*metric_mean(point.metrics, m::kGoodputRequests), 6 / 9.0, 1e-9);
}

TEST(Faults, AboveAShareOfFailuresAPointIsInvalid) {
  PointSamples samples = test::closed_loop({.concurrency = 1, .requests = 90});
  for (int i = 0; i < 10; ++i) test::add_failure(samples, i, i + 0.01, "http_500");
  EXPECT_TRUE(summarise_point(samples, {.concurrency = 1}).invalid);
  EXPECT_FALSE(summarise_point(samples, {.concurrency = 1}, {.most_failures = 0.1}).invalid);
}

TEST(Faults, PercentilesWithoutEnoughSamplesAreAbsent) {
  // Ten times four requests, as fixed sequences are run at concurrency four.
  const PointRecord point = summarise_point(test::closed_loop({}), {.concurrency = 4});
  const MetricValue& ttft = *find_metric(point.full_run_metrics, m::kTtftFirstToken);
  EXPECT_EQ(ttft.count, 40);
  EXPECT_TRUE(ttft.p50 && ttft.p50_ci95);
  EXPECT_FALSE(ttft.p90);
  EXPECT_FALSE(ttft.p99);
}

// Waits that rise and fall slowly: neighbours say the same twice.
TEST(Faults, SamplesThatFollowEachOtherMakeIntervalsWider) {
  const auto width = [](bool shuffled) {
    PointSamples samples;
    for (int i = 0; i < 200; ++i) {
      const int place = shuffled ? i * 77 % 200 : i;
      const double wait = 1 + 0.5 * std::sin(place * 0.628);  // a period is ten of them
      test::add_answer(samples, {.sent = i * 2.0, .ttft = wait, .tpot = 0.01});
    }
    const PointRecord point = summarise_point(samples, {});
    const MetricValue& ttft = *find_metric(point.metrics, m::kTtftFirstToken);
    EXPECT_TRUE(ttft.mean_ci95 && ttft.p50_ci95);
    return std::pair(ttft.mean_ci95->high - ttft.mean_ci95->low,
                     ttft.p50_ci95->high - ttft.p50_ci95->low);
  };
  EXPECT_GT(width(false).first, 2.5 * width(true).first);
  EXPECT_GT(width(false).second, 1.5 * width(true).second);
}

TEST(Faults, OneTokenAnswersHaveNoTpot) {
  PointSamples samples;
  test::add_answer(samples, {.tpot = 0.1, .output = 11});
  test::add_answer(samples, {.output = 1});
  const PointRecord point = summarise_point(samples, {}, {.objective = {.tpot = 0.2}});
  const MetricValue& tpot = *find_metric(point.metrics, m::kTpotExclFirst);
  EXPECT_EQ(tpot.count, 1);
  EXPECT_NEAR(*tpot.mean, 0.1, 1e-12);
  EXPECT_TRUE(warns(point, "1 answers of one token have no time per token"));
  // Nor do they pass an objective that they show nothing of.
  EXPECT_DOUBLE_EQ(*metric_mean(point.metrics, m::kGoodputShare), 0.5);
}

TEST(Faults, TheFirstTokenIsNoGapBetweenTokens) {
  PointSamples samples;
  test::add_answer(samples, {.ttft = 100, .tpot = 0.1, .output = 3});
  const PointRecord point = summarise_point(samples, {});
  EXPECT_EQ(find_metric(point.metrics, m::kItlPooled)->count, 2);
  EXPECT_NEAR(*metric_mean(point.metrics, m::kItlPooled), 0.1, 1e-9);
  EXPECT_NEAR(*metric_mean(point.metrics, m::kTpotExclFirst), 0.1, 1e-9);
}

TEST(Faults, AProxyThatBuffersIsSaid) {
  PointSamples samples = test::closed_loop({});
  for (RequestRecord& r : samples.requests) r.first_token = r.first_answer_token = r.last_token;
  const PointRecord point = summarise_point(samples, {.concurrency = 4});
  EXPECT_EQ(find_metric(point.metrics, m::kTpotExclFirst)->count, 0);
  EXPECT_TRUE(warns(point, "40 of 40 answers came in one piece"));
}

TEST(Faults, WhatWasCutShortIsSaid) {
  PointSamples samples = test::closed_loop({});
  samples.requests.back().outcome = RequestOutcome::kCancelled;
  EXPECT_TRUE(warns(summarise_point(samples, {.concurrency = 4}),
                    "requests cut short when the run ended: 1"));
}

}  // namespace
}  // namespace hadal
