#include "measure/metrics/point_metrics.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"
#include "support/made_up_answers.h"

namespace hadal {
namespace {

namespace m = metric_ids;

const MetricValue& at(const std::vector<MetricValue>& metrics, std::string_view id) {
  static const MetricValue missing{.id = "missing", .count = -1};
  const MetricValue* found = find_metric(metrics, id);
  EXPECT_NE(found, nullptr) << id;
  return found == nullptr ? missing : *found;
}

// Two answers one after the other: tokens at 1, 1.5, 2, 2.5, 3, then at 3.5, 4, 4.5.
PointSamples two_answers() {
  PointSamples out;
  test::add_answer(out, {.sent = 0, .ttft = 1, .tpot = 0.5, .input = 100, .output = 5});
  RequestRecord& r =
      test::add_answer(out, {.sent = 3, .ttft = 0.5, .tpot = 0.5, .input = 300, .output = 3});
  r.ended = 5;
  r.first_answer_token = 4;
  r.reasoning_tokens = 1;
  r.cached_tokens = 50;
  r.expected_cached_tokens = 100;
  out.duration = 5;
  return out;
}

TEST(PointMetrics, ByHand) {
  const PointRecord point = summarise_point(two_answers(), {.concurrency = 1}, {.gpus = 2});
  EXPECT_EQ(point.window.kind, "full");
  const std::vector<MetricValue>& all = point.metrics;
  EXPECT_EQ(at(all, m::kTtftFirstToken).count, 2);
  EXPECT_EQ(at(all, m::kTtftFirstToken).unit, "s");
  EXPECT_DOUBLE_EQ(*at(all, m::kTtftFirstToken).mean, 0.75);
  EXPECT_DOUBLE_EQ(*at(all, m::kTtftFirstAnswerToken).mean, 1);
  EXPECT_DOUBLE_EQ(*at(all, m::kTpotExclFirst).mean, 0.5);
  EXPECT_DOUBLE_EQ(*at(all, m::kItlPerRequestMean).mean, 0.5);
  EXPECT_EQ(at(all, m::kItlPooled).count, 6);
  EXPECT_DOUBLE_EQ(*at(all, m::kItlPooled).mean, 0.5);
  EXPECT_DOUBLE_EQ(*at(all, m::kE2e).mean, (3 + 1.5) / 2);
  EXPECT_DOUBLE_EQ(*at(all, m::kE2ePerOutputToken).mean, (0.6 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(*at(all, m::kHeadersDelay).mean, 0.375);
  EXPECT_DOUBLE_EQ(*at(all, m::kInteractivityTpot).mean, 2);
  EXPECT_DOUBLE_EQ(*at(all, m::kInteractivityItl).mean, 2);
  EXPECT_DOUBLE_EQ(*at(all, m::kInteractivityE2e).mean, 2 / 1.1);
  EXPECT_DOUBLE_EQ(*at(all, m::kRateRequests).mean, 0.4);
  EXPECT_DOUBLE_EQ(*at(all, m::kRateInput).mean, 80);
  EXPECT_DOUBLE_EQ(*at(all, m::kRateOutput).mean, 1.6);
  EXPECT_DOUBLE_EQ(*at(all, m::kRateTotal).mean, 81.6);
  EXPECT_DOUBLE_EQ(*at(all, m::kRateTotalPerGpu).mean, 40.8);
  EXPECT_DOUBLE_EQ(*at(all, m::kLoadInFlight).mean, 1);
  EXPECT_DOUBLE_EQ(*at(all, m::kCacheHitShare).mean, 50.0 / 300);
  EXPECT_DOUBLE_EQ(*at(all, m::kCacheExpectedHitShare).mean, 0.25);
  EXPECT_DOUBLE_EQ(*at(all, m::kTokensInput).mean, 200);
  EXPECT_DOUBLE_EQ(*at(all, m::kTokensOutput).mean, 4);
  EXPECT_EQ(at(all, m::kTokensReasoning).count, 1);
  EXPECT_DOUBLE_EQ(*at(all, m::kTokensInputAsked).mean, 200);
  EXPECT_DOUBLE_EQ(*at(all, m::kTokensOutputAsked).mean, 4);
  EXPECT_DOUBLE_EQ(*at(all, m::kTokensPerEvent).mean, 1);
  EXPECT_EQ(find_metric(all, m::kGoodputShare), nullptr);
  EXPECT_EQ(find_metric(all, m::kTtftFromPlan), nullptr);
}

TEST(PointMetrics, OpenLoopByHand) {
  PointSamples samples = two_answers();
  samples.requests[0].planned = 0;
  samples.requests[1].planned = 2.5;
  const Load load{.rate = 0.4, .arrivals = "constant"};
  const PointRecord point = summarise_point(samples, load, {.objective = {.ttft = 1, .tpot = 0.5}});
  const std::vector<MetricValue>& all = point.full_run_metrics;
  EXPECT_DOUBLE_EQ(*at(all, m::kTtftFromPlan).mean, 1);
  EXPECT_DOUBLE_EQ(*at(all, m::kE2eFromPlan).mean, 2.5);
  EXPECT_DOUBLE_EQ(*at(all, m::kLoadScheduleDelay).mean, 0.25);
  EXPECT_DOUBLE_EQ(*at(all, m::kLoadRequestedRate).mean, 0.4);
  EXPECT_DOUBLE_EQ(*at(all, m::kLoadAchievedRate).mean, 1.0 / 3);
  EXPECT_DOUBLE_EQ(*at(all, m::kGoodputShare).mean, 1);
  EXPECT_DOUBLE_EQ(*at(all, m::kGoodputRequests).mean, 0.4);
}

TEST(PointMetrics, PerGpuDividesAsInferenceXDoes) {
  const PointRecord point = summarise_point(two_answers(), {.concurrency = 1},
                                            {.gpus = 6, .prefill_gpus = 2, .decode_gpus = 4});
  const std::vector<MetricValue>& all = point.metrics;
  EXPECT_DOUBLE_EQ(*at(all, m::kRateInputPerGpuInferenceX).mean, 40);
  EXPECT_DOUBLE_EQ(*at(all, m::kRateOutputPerGpuInferenceX).mean, 0.4);
  EXPECT_DOUBLE_EQ(*at(all, m::kRateTotalPerGpuInferenceX).mean, 81.6 / 6);
  // Over all of them the parts add up to the whole.
  EXPECT_DOUBLE_EQ(*at(all, m::kRateInputPerGpu).mean + *at(all, m::kRateOutputPerGpu).mean,
                   *at(all, m::kRateTotalPerGpu).mean);
  EXPECT_DOUBLE_EQ(*at(all, m::kRateTotalPerGpu).mean, 81.6 / 6);
  const PointRecord unknown = summarise_point(two_answers(), {.concurrency = 1});
  EXPECT_EQ(find_metric(unknown.metrics, m::kRateTotalPerGpu), nullptr);
}

TEST(PointMetrics, PercentilesAndTheirReciprocals) {
  // A hundred answers with 1, 2, ... 100 ms a token, in an order that follows nothing.
  PointSamples samples;
  for (int i = 0; i < 100; ++i) {
    test::add_answer(samples, {.sent = i * 10.0, .tpot = 0.001 * (i * 37 % 100 + 1)});
  }
  const PointRecord point = summarise_point(samples, {});
  const MetricValue& tpot = at(point.metrics, m::kTpotExclFirst);
  EXPECT_NEAR(*tpot.p50, 0.050, 1e-9);
  EXPECT_NEAR(*tpot.p90, 0.090, 1e-9);
  EXPECT_FALSE(tpot.p95);
  EXPECT_FALSE(tpot.p99);
  EXPECT_LE(tpot.p90_ci95->low, 0.085);
  EXPECT_GE(tpot.p90_ci95->high, 0.095);
  const MetricValue& speed = at(point.metrics, m::kInteractivityTpot);
  EXPECT_NEAR(*speed.p90, 1 / 0.090, 1e-6);  // slower than the median: the slow tail
  EXPECT_NEAR(speed.p90_ci95->low, 1 / tpot.p90_ci95->high, 1e-9);
  EXPECT_NEAR(speed.p90_ci95->high, 1 / tpot.p90_ci95->low, 1e-9);
  EXPECT_NEAR(*speed.mean, 1 / *tpot.mean, 1e-9);
}

TEST(PointMetrics, SteadyWindowIsReportedBesideTheWholeRun) {
  // Four lanes for 15 s with 11 tokens each 1.5 s, then one lane alone for 15 s.
  PointSamples samples = test::closed_loop({.concurrency = 4, .requests = 40});
  for (int i = 0; i < 10; ++i) test::add_answer(samples, {.sent = 15 + 1.5 * i});
  const PointRecord point = summarise_point(samples, {.concurrency = 4});
  EXPECT_EQ(point.window.kind, "steady");
  EXPECT_NEAR(*at(point.metrics, m::kRateOutput).mean, 4 * 11 / 1.5, 0.01);
  EXPECT_NEAR(*at(point.full_run_metrics, m::kRateOutput).mean, 50 * 11 / 30.0, 1e-9);
  EXPECT_NEAR(*at(point.metrics, m::kRateRequests).mean, 4 / 1.5, 1e-9);
  EXPECT_NEAR(*at(point.metrics, m::kLoadInFlight).mean, 4, 1e-9);
  EXPECT_EQ(at(point.metrics, m::kE2e).count, 36);
  EXPECT_EQ(at(point.full_run_metrics, m::kE2e).count, 50);
}

TEST(PointMetrics, RatesHaveIntervalsThatCoverThem) {
  // A closed loop whose answers take a random time each; the true rate from a very long one.
  const auto rate_of_loop = [](int requests, uint64_t seed) {
    std::mt19937_64 random(seed);
    PointSamples samples;
    std::vector<double> free_at(8, 0);
    for (int i = 0; i < requests; ++i) {
      double& lane = *std::min_element(free_at.begin(), free_at.end());
      const double tpot = 0.05 * std::exp(0.5 * test::normal(random));
      lane = test::add_answer(samples, {.sent = lane, .tpot = tpot}).ended;
    }
    return at(summarise_point(samples, {.concurrency = 8}).metrics, m::kRateOutput);
  };
  const double truth = *rate_of_loop(40'000, 99).mean;
  int covered = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const MetricValue rate = rate_of_loop(200, seed);
    covered += rate.mean_ci95->low <= truth && truth <= rate.mean_ci95->high ? 1 : 0;
  }
  EXPECT_GE(covered, 90);
}

TEST(PointMetrics, AnswersCutShortCountWhileTheyCame) {
  PointSamples samples;
  test::add_answer(samples, {.ttft = 1, .tpot = 1, .output = 7, .tokens_per_event = 2});
  RequestRecord& r =
      test::add_answer(samples, {.ttft = 1, .tpot = 1, .output = 7, .tokens_per_event = 2});
  r.outcome = RequestOutcome::kCancelled;
  r.output_tokens.reset();
  samples.events[1].resize(3);
  const PointRecord point = summarise_point(samples, {});
  // Seven tokens in four events; three events of the one that was cut short.
  EXPECT_NEAR(*at(point.metrics, m::kRateOutput).mean * 7, 7 + 3 * 7.0 / 4, 1e-9);
  EXPECT_EQ(at(point.metrics, m::kE2e).count, 1);
  EXPECT_EQ(point.requests.cancelled, 1);
  EXPECT_EQ(point.requests.attempted, 2);
  EXPECT_FALSE(point.invalid);
}

// The rates of input and output are of the same answers, so that their ratio is the workload's.
TEST(PointMetrics, InputAndOutputRatesAreOfTheSameAnswers) {
  PointSamples samples;
  for (int i = 0; i < 4; ++i) {
    test::add_answer(samples, {.ttft = 1, .tpot = 1, .input = 100, .output = 10});
  }
  const auto rate = [&](std::string_view id) {
    return at(summarise_point(samples, {}).metrics, id).mean.value_or(-1);
  };
  // Cut short after half of its tokens, before its usage could come; its prompt was read all the
  // same.
  samples.requests[1].outcome = RequestOutcome::kCancelled;
  samples.requests[1].input_tokens.reset();
  samples.requests[1].output_tokens.reset();
  samples.events[1].resize(5);
  EXPECT_NEAR(rate(m::kRateInput) * 10, 400, 1e-9);
  EXPECT_NEAR(rate(m::kRateOutput) * 10, 35, 1e-9);
  EXPECT_NEAR(rate(m::kRateTotal) * 10, 435, 1e-9);
  // Cut short before anything came.
  samples.requests[1].first_token.reset();
  samples.events[1].clear();
  EXPECT_NEAR(rate(m::kRateInput) * 10, 300, 1e-9);
  EXPECT_NEAR(rate(m::kRateOutput) * 10, 30, 1e-9);
  // An import that knows only one side of an answer.
  samples.requests[2].input_tokens.reset();
  samples.requests[2].asked_input_tokens = 0;
  EXPECT_NEAR(rate(m::kRateOutput) * 10, 20, 1e-9);
  samples.requests[3].output_tokens.reset();
  samples.events[3].clear();
  EXPECT_NEAR(rate(m::kRateInput) * 10, 100, 1e-9);
  // And one that knows no input at all has no rate of it.
  for (RequestRecord& r : samples.requests) {
    r.input_tokens.reset();
    r.asked_input_tokens = 0;
  }
  const PointRecord point = summarise_point(samples, {});
  EXPECT_FALSE(at(point.metrics, m::kRateInput).mean);
  EXPECT_FALSE(at(point.metrics, m::kRateTotal).mean);
  EXPECT_NEAR(at(point.metrics, m::kRateOutput).mean.value_or(-1) * 10, 20, 1e-9);
}

TEST(PointMetrics, OfRequestsThatWereAllCutShortNothingIsSaid) {
  PointSamples samples = test::closed_loop({});
  for (RequestRecord& r : samples.requests) r.outcome = RequestOutcome::kCancelled;
  const PointRecord point = summarise_point(samples, {.concurrency = 4});
  EXPECT_FALSE(point.invalid);
  EXPECT_EQ(point.requests.cancelled, 40);
  for (const std::string_view id :
       {m::kTtftFirstToken, m::kRateRequests, m::kRateInput, m::kRateOutput, m::kRateTotal}) {
    EXPECT_FALSE(at(point.metrics, id).mean) << id;
  }
  ASSERT_FALSE(point.warnings.empty());
  EXPECT_EQ(point.warnings[0],
            "all 40 requests were cut short before they ended: the point shows nothing");
  // One failure among them is one.
  samples.requests[0].outcome = RequestOutcome::kFailed;
  EXPECT_TRUE(summarise_point(samples, {.concurrency = 4}).invalid);
}

TEST(PointMetrics, NoIntervalGoesBelowNothing) {
  PointSamples samples;
  for (int i = 0; i < 12; ++i) {
    test::add_answer(samples, {.sent = 10.0 * i, .ttft = i == 0 ? 9 : 0.001, .tpot = 0.001});
  }
  const PointRecord point = summarise_point(samples, {});
  const MetricValue& ttft = at(point.metrics, m::kTtftFirstToken);
  ASSERT_TRUE(ttft.mean_ci95);
  EXPECT_EQ(ttft.mean_ci95->low, 0);
  EXPECT_GT(ttft.mean_ci95->high, *ttft.mean);
  for (const MetricValue& value : point.metrics) {
    if (value.mean_ci95) {
      EXPECT_GE(value.mean_ci95->low, 0) << value.id;
    }
  }
}

TEST(PointMetrics, EveryFigureIsInTheCatalogueWithItsUnitAndOnce) {
  PointSamples samples = test::closed_loop({});
  for (RequestRecord& r : samples.requests) r.planned = r.sent;
  const PointRecord point =
      summarise_point(samples, {.rate = 2.7}, {.gpus = 1, .objective = {.e2e = 2}});
  std::vector<std::string> seen;
  for (const MetricValue& value : point.metrics) {
    const MetricDefinition* definition = find_metric(value.id);
    ASSERT_NE(definition, nullptr) << value.id;
    EXPECT_TRUE(definition->measured) << value.id;
    EXPECT_EQ(value.unit, definition->unit) << value.id;
    EXPECT_TRUE(definition->level != MetricLevel::kPoint || !value.p50) << value.id;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), value.id), 0) << value.id;
    seen.push_back(value.id);
  }
  // All that is measured at all, save what these samples cannot have.
  for (const MetricDefinition& definition : metric_catalogue()) {
    if (!definition.measured || definition.id == m::kTokensReasoning) continue;
    if (definition.id == m::kCacheHitShare) continue;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), definition.id), 1) << definition.id;
  }
}

TEST(PointMetrics, WarmUpIsInNoFigure) {
  PointSamples samples = two_answers();
  const PointRecord before = summarise_point(samples, {});
  test::add_answer(samples, {.sent = 2, .ttft = 0.1}).phase = RequestPhase::kWarmUp;
  const PointRecord after = summarise_point(samples, {});
  EXPECT_EQ(after.requests.attempted, 2);
  EXPECT_EQ(at(after.metrics, m::kRateOutput).mean, at(before.metrics, m::kRateOutput).mean);
  EXPECT_EQ(at(after.metrics, m::kTtftFirstToken).mean,
            at(before.metrics, m::kTtftFirstToken).mean);
}

TEST(PointMetrics, OfNothingAreEmptyAndInvalid) {
  const PointRecord point = summarise_point({}, {.concurrency = 4});
  EXPECT_TRUE(point.invalid);
  EXPECT_EQ(at(point.metrics, m::kTtftFirstToken).count, 0);
  EXPECT_FALSE(at(point.metrics, m::kTtftFirstToken).mean);
  EXPECT_EQ(find_metric(point.metrics, m::kRateOutput), nullptr);
}

}  // namespace
}  // namespace hadal
