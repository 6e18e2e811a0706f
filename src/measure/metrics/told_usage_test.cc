#include "measure/metrics/told_usage.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>

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

TEST(ToldUsage, WhatCanBeStays) {
  RequestRecord request{.asked_output_tokens = 8,
                        .input_tokens = 5,
                        .cached_tokens = 5,
                        .output_tokens = 8,
                        .reasoning_tokens = 8};
  UsageFaults faults;
  drop_impossible_usage(request, true, faults);
  EXPECT_EQ(request.input_tokens, 5);
  EXPECT_EQ(request.cached_tokens, 5);
  EXPECT_EQ(request.output_tokens, 8);
  EXPECT_EQ(request.reasoning_tokens, 8);
  EXPECT_EQ(faults.out_of_range + faults.cached_beyond_input + faults.output_beyond_asked +
                faults.no_output_of_a_text + faults.reasoning_beyond_output,
            0);
}

TEST(ToldUsage, EachKindIsCountedAndTakesItsOwnNumberAlone) {
  UsageFaults faults;
  RequestRecord cached{.input_tokens = 5, .cached_tokens = 6, .output_tokens = 1};
  drop_impossible_usage(cached, true, faults);
  EXPECT_EQ(cached.input_tokens, 5);
  EXPECT_FALSE(cached.cached_tokens);
  EXPECT_EQ(faults.cached_beyond_input, 1);

  RequestRecord beyond{.asked_output_tokens = 8, .input_tokens = 5, .output_tokens = 9};
  drop_impossible_usage(beyond, true, faults);
  EXPECT_EQ(beyond.input_tokens, 5);
  EXPECT_FALSE(beyond.output_tokens);
  EXPECT_EQ(faults.output_beyond_asked, 1);

  RequestRecord none{.output_tokens = 0};
  drop_impossible_usage(none, false, faults);
  EXPECT_EQ(none.output_tokens, 0);
  drop_impossible_usage(none, true, faults);
  EXPECT_FALSE(none.output_tokens);
  EXPECT_EQ(faults.no_output_of_a_text, 1);

  RequestRecord reasoning{.output_tokens = 3, .reasoning_tokens = 4};
  drop_impossible_usage(reasoning, true, faults);
  EXPECT_FALSE(reasoning.reasoning_tokens);
  EXPECT_EQ(faults.reasoning_beyond_output, 1);

  RequestRecord wild{.input_tokens = std::numeric_limits<int64_t>::max(),
                     .cached_tokens = -1,
                     .output_tokens = kMostTokens + 1};
  drop_impossible_usage(wild, true, faults);
  EXPECT_FALSE(wild.input_tokens || wild.cached_tokens || wild.output_tokens);
  EXPECT_EQ(faults.out_of_range, 1);
}

TEST(ToldUsage, APointIsOfWhatCanBe) {
  PointSamples samples = test::closed_loop({});
  const PointRecord before = summarise_point(samples, {.concurrency = 4});
  samples.requests[5].output_tokens = 1'000'000;
  samples.requests[6].cached_tokens = 200;
  samples.requests[7].output_tokens = 0;
  const PointRecord point = summarise_point(samples, {.concurrency = 4});
  EXPECT_EQ(find_metric(point.full_run_metrics, m::kTokensOutput)->count, 38);
  EXPECT_EQ(find_metric(point.full_run_metrics, m::kTokensOutput)->mean, 11);
  EXPECT_EQ(find_metric(point.full_run_metrics, m::kCacheHitShare), nullptr);
  // Their events stand for their tokens.
  EXPECT_NEAR(*find_metric(point.full_run_metrics, m::kRateOutput)->mean,
              *find_metric(before.full_run_metrics, m::kRateOutput)->mean, 1e-9);
  EXPECT_TRUE(warns(point, "1 answers have more output tokens than were asked for at most"));
  EXPECT_TRUE(warns(point, "1 answers have more cached tokens than input"));
  EXPECT_TRUE(warns(point, "1 answers have no output tokens and a text"));
  EXPECT_FALSE(warns(before, "by the server's usage"));
}

}  // namespace
}  // namespace hadal
