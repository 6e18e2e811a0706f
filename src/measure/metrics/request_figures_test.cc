#include "measure/metrics/request_figures.h"

#include <gtest/gtest.h>
#include <limits>

#include "support/made_up_answers.h"

namespace hadal {
namespace {

RequestRecord reasoning_answer() {
  RequestRecord r{.sent = 10};
  r.planned = 9;
  r.headers = 10.25;
  r.first_token = 11;
  r.first_answer_token = 13;
  r.last_token = 15;
  r.ended = 15.5;
  r.output_tokens = 5;
  return r;
}

TEST(RequestFigures, ByHand) {
  const RequestFigures f = figures_of(reasoning_answer());
  EXPECT_EQ(f.ttft, 1);
  EXPECT_EQ(f.ttft_answer, 3);
  EXPECT_EQ(f.ttft_from_plan, 2);
  EXPECT_EQ(f.tpot, 1);  // four seconds for the four after the first
  EXPECT_EQ(f.e2e, 5);
  EXPECT_EQ(f.e2e_from_plan, 6);
  EXPECT_EQ(f.e2e_per_output_token, 1);
  EXPECT_EQ(f.headers_delay, 0.25);
  EXPECT_EQ(f.schedule_delay, 1);
  EXPECT_FALSE(f.inconsistent);
}

TEST(RequestFigures, AnUnstreamedAnswerHasAnEndAlone) {
  RequestRecord r = reasoning_answer();
  r.first_token.reset();
  r.first_answer_token.reset();
  r.last_token.reset();
  const RequestFigures f = figures_of(r);
  EXPECT_FALSE(f.ttft);
  EXPECT_FALSE(f.tpot);
  EXPECT_EQ(f.e2e, 5.5);
  EXPECT_EQ(f.e2e_per_output_token, 1.1);
}

TEST(RequestFigures, SeveralTokensAtOnceHaveNoTimePerToken) {
  RequestRecord r = reasoning_answer();
  r.first_answer_token = 11;
  r.last_token = 11;
  const RequestFigures f = figures_of(r);
  EXPECT_FALSE(f.tpot);
  EXPECT_TRUE(f.in_one_piece);
  EXPECT_EQ(f.ttft, 1);
}

TEST(RequestFigures, WithoutUsageNothingIsPerToken) {
  RequestRecord r = reasoning_answer();
  r.output_tokens.reset();
  const RequestFigures f = figures_of(r);
  EXPECT_TRUE(f.no_tokens_told);
  EXPECT_FALSE(f.tpot);
  EXPECT_FALSE(f.e2e_per_output_token);
  EXPECT_EQ(f.e2e, 5);
}

TEST(RequestFigures, TimesThatCannotBeMeasureNothing) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto nothing = [](const RequestRecord& r) {
    const RequestFigures f = figures_of(r);
    return f.inconsistent && !f.ttft && !f.tpot && !f.e2e && !f.headers_delay;
  };
  RequestRecord r = reasoning_answer();
  r.first_token = 16;  // after the end
  EXPECT_TRUE(nothing(r));
  r = reasoning_answer();
  r.last_token = 10.5;  // before the first
  EXPECT_TRUE(nothing(r));
  r = reasoning_answer();
  r.ended = 1;
  EXPECT_TRUE(nothing(r));
  for (double RequestRecord::*field : {&RequestRecord::sent, &RequestRecord::ended}) {
    r = reasoning_answer();
    r.*field = nan;
    EXPECT_TRUE(nothing(r));
  }
  r = reasoning_answer();
  r.first_answer_token = nan;
  EXPECT_TRUE(nothing(r));
}

TEST(RequestFigures, GapsOfAClockThatRanBackwardsAreNone) {
  EXPECT_EQ(gap_between({.seconds = 1}, {.seconds = 1.5}), 0.5);
  EXPECT_EQ(gap_between({.seconds = 1}, {.seconds = 1}), 0);
  EXPECT_FALSE(gap_between({.seconds = 1}, {.seconds = 0.5}));
  EXPECT_FALSE(gap_between({.seconds = 1}, {.seconds = std::numeric_limits<double>::infinity()}));
}

bool meets_of(const ServiceObjective& objective, const RequestRecord& r) {
  return meets(objective, r, figures_of(r));
}

TEST(ServiceObjective, HoldsWhereEachThresholdDoes) {
  const RequestRecord r = reasoning_answer();
  EXPECT_TRUE(meets_of({.ttft = 2, .tpot = 1, .e2e = 6}, r));  // from the plan
  EXPECT_FALSE(meets_of({.ttft = 1.9, .tpot = 1, .e2e = 6}, r));
  EXPECT_FALSE(meets_of({.ttft = 2, .tpot = 0.9}, r));
  EXPECT_FALSE(meets_of({.e2e = 5.9}, r));
  EXPECT_TRUE(meets_of({.ttft_answer = 3}, r));
}

TEST(ServiceObjective, WhatFailedNeverMeetsIt) {
  RequestRecord r = reasoning_answer();
  r.outcome = RequestOutcome::kFailed;
  EXPECT_FALSE(meets_of({.e2e = 100}, r));
}

TEST(ServiceObjective, AMissingFigureDoesNotMeetIt) {
  RequestRecord r = reasoning_answer();
  r.output_tokens.reset();
  EXPECT_FALSE(meets_of({.tpot = 100}, r));
  r = reasoning_answer();
  r.first_answer_token.reset();
  EXPECT_FALSE(meets_of({.ttft_answer = 100}, r));
}

}  // namespace
}  // namespace hadal
