// Log-probabilities of prompts, prompts without an answer, and the division of the engine's time
// among requests.
#include <cstdint>
#include <gtest/gtest.h>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "engine/engine.h"
#include "engine/evaluate.h"
#include "engine/logit_probabilities.h"
#include "model/v4/v4_model.h"
#include "support/engine_requests.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

using test::greedy;
using test::make_prompt;
using test::nano;
using test::Outcome;
using test::Pending;
using test::run;
using test::submit;

constexpr int kTop = 3;

GenerateRequest scored(std::vector<int32_t> prompt, int max_tokens = 2) {
  GenerateRequest request = greedy(std::move(prompt), max_tokens);
  request.prompt_logprobs = kTop;
  return request;
}

// From the logits of the whole sequence in one pass, without an engine.
std::vector<TokenLogprobs> expected_logprobs(const std::vector<int32_t>& prompt) {
  ThreadPool threads(1);
  V4Model model(nano(), threads, {});
  const SequenceLogits all = evaluate_logits(model, prompt, {});
  const auto vocab = static_cast<size_t>(model.vocab_size());
  std::vector<TokenLogprobs> logprobs;
  for (size_t i = 0; i + 1 < prompt.size(); ++i) {
    const std::span<const float> row = std::span(all.logits).subspan(i * vocab, vocab);
    logprobs.push_back(compute_logprobs(row, prompt[i + 1], kTop));
  }
  return logprobs;
}

void expect_same(const std::vector<TokenLogprobs>& actual,
                 const std::vector<TokenLogprobs>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i].logprob, expected[i].logprob) << "token " << i + 1;
    ASSERT_EQ(actual[i].top.size(), expected[i].top.size());
    for (size_t k = 0; k < actual[i].top.size(); ++k) {
      EXPECT_EQ(actual[i].top[k].token, expected[i].top[k].token);
      EXPECT_EQ(actual[i].top[k].logprob, expected[i].top[k].logprob);
    }
  }
}

TEST(PromptLogprobs, AreThoseOfTheModelWhateverTheChunksAndTheCompany) {
  const std::vector<int32_t> prompt = make_prompt(333);
  const std::vector<TokenLogprobs> expected = expected_logprobs(prompt);
  const std::vector<int32_t> plain = [&] {
    Engine engine(nano(), {.threads = 1});
    return run(engine, greedy(prompt, 2)).tokens;
  }();
  for (const int chunk : {5, 64, 512}) {
    Engine engine(nano(), {.threads = 1, .prefill_chunk = chunk});
    const Pending other = submit(engine, greedy(make_prompt(150, 1), 12));
    const Pending more = submit(engine, scored(make_prompt(90, 2)));
    const Outcome outcome = submit(engine, scored(prompt)).wait();
    expect_same(outcome.prompt_logprobs, expected);
    EXPECT_EQ(outcome.tokens, plain) << "the answer goes on as without them";
    EXPECT_EQ(other.wait().tokens.size(), 12U);
    expect_same(more.wait().prompt_logprobs, expected_logprobs(make_prompt(90, 2)));
  }
}

TEST(PromptLogprobs, AreComputedEvenWhereTheCacheKnowsThePrompt) {
  const std::vector<int32_t> prompt = make_prompt(700);
  Engine engine(nano(), {.threads = 1});
  run(engine, greedy(prompt, 2));
  EXPECT_GT(run(engine, greedy(prompt, 2)).finish.cached_tokens, 0);
  const Outcome outcome = run(engine, scored(prompt));
  EXPECT_EQ(outcome.finish.cached_tokens, 0);
  expect_same(outcome.prompt_logprobs, expected_logprobs(prompt));
  // What it computed is there for others, as ever.
  EXPECT_GT(run(engine, greedy(prompt, 2)).finish.cached_tokens, 0);
}

TEST(PromptLogprobs, AreComputedEvenWhereTheDiskKnowsThePrompt) {
  const test::TemporaryDirectory directory;
  const std::vector<int32_t> prompt = make_prompt(700);
  const EngineOptions options{.threads = 1, .kv_disk = directory.path()};
  {
    Engine engine(nano(), options);
    run(engine, greedy(prompt, 2));
  }
  Engine engine(nano(), options);
  const Outcome outcome = run(engine, scored(prompt));
  EXPECT_EQ(outcome.finish.cached_tokens, 0);
  expect_same(outcome.prompt_logprobs, expected_logprobs(prompt));
}

TEST(PromptLogprobs, OutliveThatTheRequestMakesWay) {
  const std::vector<int32_t> prompt = make_prompt(600);
  const std::vector<TokenLogprobs> expected = expected_logprobs(prompt);
  // Its state is kept in memory, lost, or on disk until it goes on.
  struct Course {
    bool reuse_prefixes = true;
    uint64_t kv_spill = 0;
  };
  for (const Course& course :
       {Course{}, Course{.reuse_prefixes = false}, Course{.kv_spill = uint64_t{64} << 20}}) {
    std::optional<Pending> urgent;
    Engine* running = nullptr;
    int64_t steps = 0;
    Engine engine(nano(), {.threads = 1,
                           .max_running = 1,
                           .prefill_chunk = 50,
                           .reuse_prefixes = course.reuse_prefixes,
                           .kv_spill = course.kv_spill,
                           .before_step = [&](const StepInfo&) {
                             if (++steps != 4) return;
                             GenerateRequest request = greedy(make_prompt(40, 3), 3);
                             request.priority = 1;
                             urgent = submit(*running, std::move(request));
                           }});
    running = &engine;
    const Outcome outcome = run(engine, scored(prompt));
    expect_same(outcome.prompt_logprobs, expected);
    ASSERT_TRUE(urgent.has_value());
    EXPECT_EQ(urgent->wait().tokens.size(), 3U);
    EXPECT_EQ(engine.statistics().preemptions, 1);
  }
}

TEST(PromptLogprobs, OfOneTokenAreNone) {
  Engine engine(nano(), {.threads = 1});
  const Outcome outcome = run(engine, scored({0}));
  EXPECT_TRUE(outcome.prompt_logprobs.empty());
  EXPECT_EQ(outcome.tokens.size(), 2U);
}

TEST(PromptLogprobs, OutOfRangeAreRefused) {
  Engine engine(nano(), {.threads = 1});
  for (const int top : {-1, kMostTopLogprobs + 1}) {
    GenerateRequest request = scored(make_prompt(5));
    request.prompt_logprobs = top;
    EXPECT_THROW(submit(engine, request), Error) << top;
  }
}

TEST(PromptOnly, EndsWithThePromptAndMayFillTheContext) {
  constexpr int kContext = 256;
  Engine engine(nano(), {.threads = 1, .max_context = kContext});
  GenerateRequest request = scored(make_prompt(kContext));
  request.prompt_only = true;
  const Outcome outcome = run(engine, request);
  EXPECT_TRUE(outcome.tokens.empty());
  EXPECT_EQ(outcome.finish.reason, FinishReason::kLength);
  EXPECT_EQ(outcome.finish.completion_tokens, 0);
  expect_same(outcome.prompt_logprobs, expected_logprobs(make_prompt(kContext)));
  request.prompt_logprobs.reset();
  EXPECT_EQ(run(engine, request).finish.reason, FinishReason::kLength);
  request.prompt.push_back(5);
  EXPECT_THROW(submit(engine, request), Error);
  request = greedy(make_prompt(3), 1);
  request.prompt_only = true;
  request.min_tokens = 1;
  EXPECT_THROW(submit(engine, request), Error) << "there is no answer";
}

TEST(StopToken, IsToldWithTheEnd) {
  const std::vector<int32_t> prompt = make_prompt(40);
  Engine engine(nano(), {.threads = 1});
  const std::vector<int32_t> free = run(engine, greedy(prompt, 3)).tokens;
  GenerateRequest request = greedy(prompt, 3);
  request.sampling.top_logprobs = 1;
  request.stop_tokens = {free[0]};
  const Outcome outcome = run(engine, request);
  ASSERT_TRUE(outcome.finish.stop_token.has_value());
  EXPECT_EQ(outcome.finish.stop_token->token, free[0]);
  ASSERT_TRUE(outcome.finish.stop_token->logprobs.has_value());
  EXPECT_EQ(outcome.finish.stop_token->logprobs->top[0].token, free[0]);
  EXPECT_FALSE(run(engine, greedy(prompt, 3)).finish.stop_token.has_value());
}

TEST(StepTime, IsSharedAmongTheRequestsToTheLast) {
  Engine engine(nano(), {.threads = 2, .max_running = 4, .prefill_chunk = 48});
  std::vector<Pending> pending;
  for (int i = 0; i < 12; ++i) {
    pending.push_back(submit(engine, greedy(make_prompt(20 + 60 * (i % 5), i), 1 + 3 * (i % 4))));
  }
  pending[5].handle.cancel();
  double prefill = 0;
  double decode = 0;
  for (size_t i = 0; i < pending.size(); ++i) {
    const RequestTiming timing = pending[i].wait().finish.timing;
    if (i != 5) {
      EXPECT_GT(timing.prefill_seconds, 0) << i;
      EXPECT_EQ(timing.decode_seconds > 0, i % 4 != 0)
          << i << ": the first token is of the prefill";
    }
    EXPECT_LE(timing.prefill_seconds + timing.decode_seconds, timing.total_seconds) << i;
    prefill += timing.prefill_seconds;
    decode += timing.decode_seconds;
  }
  const EngineStatistics statistics = engine.statistics();
  const double busy = statistics.step_times.sum;
  EXPECT_GT(busy, 0);
  EXPECT_NEAR(prefill + decode, busy, 1e-9 * busy);
  EXPECT_NEAR(statistics.prefill_seconds, prefill, 1e-9 * busy);
  EXPECT_NEAR(statistics.decode_seconds, decode, 1e-9 * busy);
}

}  // namespace
}  // namespace hadal
