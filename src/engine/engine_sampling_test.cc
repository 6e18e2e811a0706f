// Sampling options of requests, through the engine.
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "checkpoint/v4/checkpoint.h"
#include "checkpoint/v4/config.h"
#include "engine/engine.h"
#include "support/engine_requests.h"

namespace hadal {
namespace {

using test::make_prompt;
using test::nano;
using test::Outcome;
using test::Pending;
using test::run;
using test::submit;

GenerateRequest make_request(int prompt_tokens, const SamplingOptions& sampling, int max_tokens) {
  GenerateRequest request;
  request.prompt = make_prompt(prompt_tokens);
  request.sampling = sampling;
  request.max_tokens = max_tokens;
  return request;
}

SamplingOptions forced_to(const std::vector<int32_t>& tokens) {
  SamplingOptions options;
  options.temperature = 0;
  for (const int32_t token : tokens) options.logit_bias.push_back({.token = token, .bias = 100});
  return options;
}

// Allows `first`, then its neighbour, and so on; throws at the end.
class Counting : public TokenConstraint {
 public:
  Counting(int32_t first, int32_t end) : next_(first), end_(end) {}
  void fill_mask(std::span<uint64_t> mask) override {
    if (next_ == end_) throw std::runtime_error("the end was passed");
    mask[static_cast<size_t>(next_) / 64] |= uint64_t{1} << (next_ % 64);
  }
  void advance(int32_t token) override {
    EXPECT_EQ(token, next_);
    ++next_;
  }
  void rollback(int count) override { next_ -= count; }

 private:
  int32_t next_;
  int32_t end_;
};

TEST(EngineSamplingTest, EveryOptionGivesTheSameTokensWhateverTheLoad) {
  SamplingOptions options{.temperature = 1.3F,
                          .top_p = 0.97F,
                          .top_k = 200,
                          .min_p = 0.001F,
                          .repetition_penalty = 1.2F,
                          .presence_penalty = 0.5F,
                          .frequency_penalty = 0.25F,
                          .top_logprobs = 3,
                          .seed = 5};
  options.logit_bias.push_back({.token = 320, .bias = 4});
  Engine alone(nano(), {.threads = 1});
  const Outcome expected = run(alone, make_request(60, options, 24));
  ASSERT_EQ(expected.tokens.size(), 24U);
  ASSERT_EQ(expected.logprobs.size(), 24U);

  Engine crowded(nano(), {.threads = 2, .max_running = 4, .prefill_chunk = 16});
  const SamplingOptions other_options{.frequency_penalty = 1, .seed = 9};
  std::vector<Pending> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(submit(crowded, make_request(40 + i, other_options, 30)));
  }
  const Outcome found = run(crowded, make_request(60, options, 24));
  EXPECT_EQ(found.tokens, expected.tokens);
  ASSERT_EQ(found.logprobs.size(), 24U);
  for (size_t i = 0; i < found.logprobs.size(); ++i) {
    EXPECT_EQ(found.logprobs[i].logprob, expected.logprobs[i].logprob);
    EXPECT_EQ(found.logprobs[i].top.size(), 3U);
  }
  for (const Pending& other : others) EXPECT_FALSE(other.wait().tokens.empty());
}

TEST(EngineSamplingTest, PenaltiesCountTheTokensOfTheAnswer) {
  // Of two tokens that alone may come, the one that comes too often gives way to the other.
  Engine engine(nano(), {.threads = 1});
  SamplingOptions options = forced_to({400, 401});
  const Outcome plain = run(engine, make_request(20, options, 60));
  options.frequency_penalty = 2;
  const Outcome penalised = run(engine, make_request(20, options, 60));
  const auto greater_share = [](const Outcome& outcome) {
    const auto count = std::count(outcome.tokens.begin(), outcome.tokens.end(), 400);
    return std::max(count, std::ssize(outcome.tokens) - count);
  };
  EXPECT_EQ(std::ssize(penalised.tokens), 60);
  EXPECT_LT(greater_share(penalised), greater_share(plain));
  for (const int32_t token : penalised.tokens) EXPECT_TRUE(token == 400 || token == 401);
}

TEST(EngineSamplingTest, ConstraintsDecideTokenByToken) {
  Engine engine(nano(), {.threads = 1});
  GenerateRequest request = make_request(20, {}, 5);
  request.constraint = std::make_shared<Counting>(700, 710);
  EXPECT_EQ(run(engine, request).tokens, (std::vector<int32_t>{700, 701, 702, 703, 704}));
  // A constraint that throws ends its own request and no other.
  const Pending other = submit(engine, make_request(20, forced_to({500}), 10));
  request.constraint = std::make_shared<Counting>(700, 702);
  const Outcome thrown = run(engine, request);
  EXPECT_EQ(thrown.finish.reason, FinishReason::kError);
  EXPECT_EQ(thrown.tokens, (std::vector<int32_t>{700, 701}));
  EXPECT_EQ(other.wait().tokens, std::vector<int32_t>(10, 500));
}

TEST(EngineSamplingTest, StopTokensWaitForTheLeastLength) {
  Engine engine(nano(), {.threads = 1});
  const std::vector<int32_t> free = run(engine, make_request(20, {.temperature = 0}, 12)).tokens;
  ASSERT_EQ(free.size(), 12U);
  for (const int least : {0, 1, 5, 12}) {
    // The stop token comes as soon as it may.
    const LogitBias likeliest{.token = free[0], .bias = 99};
    GenerateRequest request = make_request(20, {.temperature = 0, .logit_bias = {likeliest}}, 12);
    request.stop_tokens = {free[0]};
    request.min_tokens = least;
    const Outcome outcome = run(engine, request);
    EXPECT_EQ(outcome.tokens.size(), static_cast<size_t>(least)) << least;
    EXPECT_EQ(outcome.finish.reason, least == 12 ? FinishReason::kLength : FinishReason::kStop)
        << least;
    EXPECT_EQ(std::count(outcome.tokens.begin(), outcome.tokens.end(), free[0]), 0) << least;
  }
}

TEST(EngineSamplingTest, BeyondTheLeastLengthNothingIsChanged) {
  // Banning an end that would not have come leaves every token as it is, at any temperature.
  Engine engine(nano(), {.threads = 1});
  const SamplingOptions options{.temperature = 1.2F, .top_p = 0.9F, .seed = 5};
  const std::vector<int32_t> plain = run(engine, make_request(20, options, 24)).tokens;
  GenerateRequest request = make_request(20, options, 24);
  for (int32_t token = 1600; request.stop_tokens.empty(); ++token) {
    if (std::count(plain.begin(), plain.end(), token) == 0) request.stop_tokens = {token};
  }
  request.min_tokens = 10;
  EXPECT_EQ(run(engine, request).tokens, plain);
  request.banned_tokens = {request.stop_tokens[0], -1, 1 << 30};
  EXPECT_EQ(run(engine, request).tokens, plain);
}

TEST(EngineSamplingTest, BannedTokensNeverCome) {
  Engine engine(nano(), {.threads = 1});
  GenerateRequest request = make_request(20, {.temperature = 0}, 12);
  const std::vector<int32_t> free = run(engine, request).tokens;
  request.banned_tokens = {free[0]};
  request.stop_tokens = {free[0]};
  const Outcome outcome = run(engine, request);
  EXPECT_EQ(outcome.tokens.size(), 12U);
  EXPECT_EQ(std::count(outcome.tokens.begin(), outcome.tokens.end(), free[0]), 0);
}

TEST(EngineSamplingTest, ALeastLengthThatCannotBeIsRefused) {
  Engine engine(nano(), {.threads = 1, .max_context = 30});
  for (const auto& [least, most] : {std::pair{-1, 5}, {6, 5}, {11, 0}, {11, 1000}}) {
    GenerateRequest request = make_request(20, forced_to({500}), most);
    request.min_tokens = least;
    try {
      submit(engine, request);
      ADD_FAILURE() << least << " of " << most;
    } catch (const Error& error) {
      EXPECT_EQ(error.parts().where, "min_tokens");
    }
  }
  GenerateRequest request = make_request(20, forced_to({500}), 0);
  request.min_tokens = 10;
  EXPECT_EQ(run(engine, request).tokens.size(), 10U);
}

TEST(EngineSamplingTest, BiasBeyondTheVocabularyIsRefused) {
  Engine engine(nano(), {.threads = 1});
  try {
    submit(engine, make_request(5, forced_to({engine.config().vocab_size}), 1));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().where, "logit_bias");
  }
}

TEST(EngineSamplingTest, TimesOfRequestsAreCounted) {
  Engine engine(nano(), {.threads = 1});
  for (const int prompt : {20, 21}) run(engine, make_request(prompt, forced_to({500}), 3));
  const EngineStatistics statistics = engine.statistics();
  const auto total = [](const TimeHistogram& times) {
    int64_t sum = 0;
    for (const int64_t count : times.counts) sum += count;
    return sum;
  };
  EXPECT_EQ(total(statistics.request_times), 2);
  EXPECT_EQ(total(statistics.queue_times), 2);
  EXPECT_EQ(total(statistics.first_token_times), 2);
  EXPECT_GE(total(statistics.step_times), 4);
  EXPECT_GE(statistics.request_times.sum, statistics.first_token_times.sum);
}

}  // namespace
}  // namespace hadal
