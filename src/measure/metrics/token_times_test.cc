#include "measure/metrics/token_times.h"

#include <gtest/gtest.h>

#include "support/made_up_answers.h"

namespace hadal {
namespace {

// Tokens in each of the first ten seconds.
std::vector<double> by_second(const PointSamples& samples, TokenTiming expected,
                              double tokens_per_event = 1) {
  AmountOverTime out(0, 10, 10);
  const TokenCount count = add_output_tokens({.request = samples.requests.front(),
                                              .events = samples.events.front(),
                                              .tokens_per_event = tokens_per_event},
                                             out);
  EXPECT_EQ(count.timing, expected);
  EXPECT_DOUBLE_EQ(count.tokens, out.total());
  return out.rates();
}

// Tokens at 0.5, 1.5, 2.5 and 3.5 seconds.
PointSamples four_tokens(bool counted) {
  PointSamples out;
  test::add_answer(out, {.ttft = 0.5, .tpot = 1, .output = 4, .counted = counted});
  return out;
}

using Tokens = std::vector<double>;

TEST(TokenTimes, CountedEventByEvent) {
  PointSamples samples = four_tokens(true);
  EXPECT_EQ(by_second(samples, TokenTiming::kCounted), (Tokens{1, 1, 1, 1, 0, 0, 0, 0, 0, 0}));
  // The second event brought three tokens, and two more came with no event of their own.
  samples.events[0] = {{.seconds = 0.5, .tokens_so_far = 1}, {.seconds = 2.5, .tokens_so_far = 4}};
  samples.requests[0].output_tokens = 6;
  EXPECT_EQ(by_second(samples, TokenTiming::kCounted), (Tokens{1, 0, 5, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(TokenTimes, UsageIsSharedOutToEvents) {
  PointSamples samples = four_tokens(false);
  samples.requests[0].output_tokens = 10;  // each event carried two and a half
  EXPECT_EQ(by_second(samples, TokenTiming::kPerEvent),
            (Tokens{2.5, 2.5, 2.5, 2.5, 0, 0, 0, 0, 0, 0}));
}

TEST(TokenTimes, ACountThatFallsIsNoCount) {
  PointSamples samples = four_tokens(true);
  samples.events[0][2].tokens_so_far = 1;
  EXPECT_EQ(by_second(samples, TokenTiming::kPerEvent), (Tokens{1, 1, 1, 1, 0, 0, 0, 0, 0, 0}));
}

TEST(TokenTimes, WithoutEventsTokensAreSpreadEvenly) {
  PointSamples samples = four_tokens(false);
  samples.events[0].clear();
  samples.requests[0].output_tokens = 7;  // one at 0.5, two a second until 3.5
  EXPECT_EQ(by_second(samples, TokenTiming::kEvenly), (Tokens{2, 2, 2, 1, 0, 0, 0, 0, 0, 0}));
}

TEST(TokenTimes, AnAnswerThatWasNotStreamedIsSpreadOverAllOfIt) {
  PointSamples samples = four_tokens(false);
  samples.events[0].clear();
  RequestRecord& r = samples.requests[0];
  r.first_token.reset();
  r.last_token.reset();
  r.ended = 4;
  r.output_tokens = 8;
  EXPECT_EQ(by_second(samples, TokenTiming::kEvenly), (Tokens{2, 2, 2, 2, 0, 0, 0, 0, 0, 0}));
}

TEST(TokenTimes, WithoutUsageEventsAreEstimates) {
  PointSamples samples = four_tokens(false);
  samples.requests[0].output_tokens.reset();
  samples.requests[0].outcome = RequestOutcome::kCancelled;
  samples.requests[0].asked_output_tokens = 100;
  EXPECT_EQ(by_second(samples, TokenTiming::kEstimated, 1.5),
            (Tokens{1.5, 1.5, 1.5, 1.5, 0, 0, 0, 0, 0, 0}));
  // The client counted its events.
  samples.requests[0].output_tokens = 4;
  samples.requests[0].tokens_estimated = true;
  EXPECT_EQ(by_second(samples, TokenTiming::kEstimated, 1.5),
            (Tokens{1.5, 1.5, 1.5, 1.5, 0, 0, 0, 0, 0, 0}));
}

TEST(TokenTimes, NoAnswerCountsMoreThanWasAskedFor) {
  PointSamples samples = four_tokens(false);
  samples.requests[0].output_tokens.reset();
  samples.requests[0].outcome = RequestOutcome::kCancelled;
  samples.requests[0].asked_output_tokens = 8;
  EXPECT_EQ(by_second(samples, TokenTiming::kEstimated, 1000),
            (Tokens{2, 2, 2, 2, 0, 0, 0, 0, 0, 0}));
  // Nor do counts with the events.
  PointSamples counted = four_tokens(true);
  counted.requests[0].outcome = RequestOutcome::kCancelled;
  counted.requests[0].output_tokens.reset();
  counted.events[0].back().tokens_so_far = 1'000'000;
  EXPECT_EQ(by_second(counted, TokenTiming::kEstimated, 1), (Tokens{1, 1, 1, 1, 0, 0, 0, 0, 0, 0}));
}

TEST(TokenTimes, NothingKnownIsNothingCounted) {
  PointSamples samples = four_tokens(false);
  samples.events[0].clear();
  samples.requests[0].output_tokens.reset();
  by_second(samples, TokenTiming::kNone);
}

}  // namespace
}  // namespace hadal
