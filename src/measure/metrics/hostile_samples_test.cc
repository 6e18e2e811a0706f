// Samples that no honest client makes: from damaged stores and imports. Nothing may crash, and no
// figure may be infinite or not a number.
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/point_metrics.h"
#include "measure/metrics/statistics_of.h"
#include "support/made_up_answers.h"

namespace hadal {
namespace {

void expect_sound(const std::vector<MetricValue>& metrics) {
  for (const MetricValue& value : metrics) {
    for (const Statistic& statistic : kStatistics) {
      const std::optional<double> number = value.*statistic.value;
      EXPECT_TRUE(!number || std::isfinite(*number)) << value.id << ' ' << statistic.name;
      const std::optional<Interval> interval = value.*statistic.interval;
      if (!interval) continue;
      EXPECT_TRUE(number) << value.id << ' ' << statistic.name;
      EXPECT_TRUE(std::isfinite(interval->low) && std::isfinite(interval->high)) << value.id;
      EXPECT_LE(interval->low, interval->high) << value.id;
    }
  }
}

double hostile_time(std::mt19937_64& random) {
  constexpr double kTimes[] = {0,
                               -1,
                               1e-300,
                               5,
                               5,
                               1e300,
                               -std::numeric_limits<double>::max(),
                               std::numeric_limits<double>::infinity(),
                               -std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()};
  return random() % 2 == 0 ? kTimes[random() % std::size(kTimes)]
                           : static_cast<double>(random() % 1000) / 100;
}

int64_t hostile_count(std::mt19937_64& random) {
  constexpr int64_t kCounts[] = {
      0, 1, 2, -1, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(), 100};
  return kCounts[random() % std::size(kCounts)];
}

void spoil(RequestRecord& r, std::mt19937_64& random) {
  const auto maybe = [&](std::optional<double>& time) {
    if (random() % 3 == 0) time = hostile_time(random);
    if (random() % 8 == 0) time.reset();
  };
  const auto maybe_count = [&](std::optional<int64_t>& count) {
    if (random() % 3 == 0) count = hostile_count(random);
  };
  maybe(r.planned);
  maybe(r.headers);
  maybe(r.first_token);
  maybe(r.first_answer_token);
  maybe(r.last_token);
  maybe_count(r.input_tokens);
  maybe_count(r.output_tokens);
  maybe_count(r.cached_tokens);
  maybe_count(r.reasoning_tokens);
  if (random() % 3 == 0) r.sent = hostile_time(random);
  if (random() % 3 == 0) r.ended = hostile_time(random);
  if (random() % 4 == 0) r.asked_input_tokens = hostile_count(random);
  if (random() % 4 == 0) r.asked_output_tokens = hostile_count(random);
  if (random() % 4 == 0) r.expected_cached_tokens = hostile_count(random);
  if (random() % 4 == 0) r.outcome = static_cast<RequestOutcome>(random() % 3);
  if (random() % 4 == 0) r.session = hostile_count(random);
}

TEST(HostileSamples, GiveSoundFiguresOrNone) {
  const Load loads[] = {{.concurrency = 4},
                        {.concurrency = 0},
                        {.concurrency = std::numeric_limits<int>::max()},
                        {.rate = 2, .arrivals = "poisson"},
                        {.rate = std::numeric_limits<double>::quiet_NaN()},
                        {}};
  std::mt19937_64 random(1);
  for (int round = 0; round < 600; ++round) {
    PointSamples samples = test::closed_loop({.requests = static_cast<int>(random() % 80)});
    for (RequestRecord& r : samples.requests) {
      if (random() % 4 == 0) spoil(r, random);
    }
    for (std::vector<TokenStamp>& events : samples.events) {
      if (random() % 4 != 0) continue;
      for (TokenStamp& event : events) {
        if (random() % 4 == 0) event.seconds = hostile_time(random);
        if (random() % 2 == 0) event.tokens_so_far = hostile_count(random);
      }
    }
    if (random() % 3 == 0) samples.events.resize(samples.events.size() / 2);
    const PointRecord point = summarise_point(
        samples, loads[random() % std::size(loads)],
        {.gpus = static_cast<int>(random() % 3) - 1,
         .prefill_gpus = static_cast<int>(random() % 3) - 1,
         .decode_gpus = static_cast<int>(random() % 3) - 1,
         .objective = {.ttft = hostile_time(random), .tpot = hostile_time(random)}});
    expect_sound(point.metrics);
    expect_sound(point.full_run_metrics);
    EXPECT_TRUE(std::isfinite(point.window.begin) && std::isfinite(point.window.end));
  }
}

TEST(HostileSamples, AnswersThatTookNoTimeAreNoDivisionByZero) {
  PointSamples samples;
  for (int i = 0; i < 20; ++i) {
    test::add_answer(samples, {.ttft = 0, .tpot = 0, .output = 5});
  }
  const PointRecord point = summarise_point(samples, {.concurrency = 4});
  expect_sound(point.metrics);
  EXPECT_EQ(find_metric(point.metrics, "ttft.first_token/1")->mean, 0);
  EXPECT_FALSE(find_metric(point.metrics, "tpot.excl_first/1")->mean);
  EXPECT_FALSE(find_metric(point.metrics, "interactivity.tpot/1")->mean);
}

}  // namespace
}  // namespace hadal
