// The engine under load, as its users see it: many requests at once, prefixes that come back,
// memory that runs out. What a request is answered never depends on any of it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "cache/block_pool.h"
#include "checkpoint/v4/checkpoint.h"
#include "engine/engine.h"
#include "engine/event_queue.h"
#include "model/v4/v4_model.h"
#include "support/engine_requests.h"
#include "support/step_gate.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

using test::greedy;
using test::make_prompt;
using test::nano;
using test::Outcome;
using test::Pending;
using test::run;
using test::StepGate;
using test::submit;

constexpr uint64_t kSpillBytes = 64 << 20;

// Sanitizers make the model thirty times slower.
#ifdef HADAL_SANITIZED
constexpr int kLongestPrompt = 700;
#else
constexpr int kLongestPrompt = 3000;
#endif

const CacheLayout& layout() {
  static const CacheLayout instance = make_cache_layout(nano().config());
  return instance;
}

size_t bytes_of(int blocks) { return static_cast<size_t>(blocks) * layout().block_bytes; }

// Sampled hot, so that a wrong bit in a logit soon shows as another token.
GenerateRequest sampled(std::vector<int32_t> prompt, int max_tokens, uint64_t seed) {
  return {.prompt = std::move(prompt),
          .sampling = {.temperature = 1.5F, .seed = seed},
          .max_tokens = max_tokens};
}

std::vector<int32_t> joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Prompts of 1 to 3,000 tokens, two with a common beginning.
std::vector<GenerateRequest> sixteen_requests() {
  std::vector<GenerateRequest> requests;
  const std::vector<int32_t> shared = make_prompt(600, 3);
  const std::vector<int> lengths = {
      1, kLongestPrompt, 2, 600, kLongestPrompt / 3, 129, 3, 255, 64, 127, 128, 5, 17, 257};
  for (size_t i = 0; i < lengths.size(); ++i) {
    const auto salt = static_cast<int>(i);
    requests.push_back(sampled(make_prompt(lengths[i], salt), 24, 100 + i));
  }
  requests.push_back(sampled(joined(shared, make_prompt(40, 91)), 24, 200));
  requests.push_back(sampled(joined(shared, make_prompt(90, 92)), 24, 201));
  return requests;
}

TEST(EngineLoad, SixteenUnequalRequestsAreAnsweredAsEachAlone) {
  const std::vector<GenerateRequest> requests = sixteen_requests();
  std::vector<std::vector<int32_t>> expected;
  {
    Engine alone(nano(), {.threads = 1, .max_running = 1, .reuse_prefixes = false});
    for (const GenerateRequest& request : requests) {
      expected.push_back(run(alone, request).tokens);
    }
  }
  const test::TemporaryDirectory directory;
  // What is short of memory holds the longest and a few others.
  const int longest = blocks_for_sequence(layout(), kLongestPrompt + 100);
  constexpr size_t kUrgent = 8;
  struct Setup {
    const char* name;
    int threads;
    int blocks;  // 0: as many as are of use
    uint64_t spill;
    bool disk;
    int rounds;  // the second finds prefixes
    bool deal = true;
  };
  const std::vector<Setup> setups = {
      {"roomy", 2, 0, 0, false, 2},
      {"short of memory, threads together", 2, longest + 60, 0, false, 1, false},
      {"short of memory, with a spill file", 1, longest + 60, kSpillBytes, false, 1},
      {"short of memory, with a disk", 1, longest + 30, 0, true, 2},
  };
  for (const Setup& setup : setups) {
    EngineOptions options;
    options.threads = setup.threads;
    options.deal_sequences = setup.deal;
    options.kv_memory = bytes_of(setup.blocks);
    options.kv_spill = setup.spill;
    if (setup.disk) options.kv_disk = directory.path();
    options.step_budget_ms = 30;
    if (setup.blocks > 0) options.max_running = 5;
    Engine engine(nano(), options);
    for (int round = 0; round < setup.rounds; ++round) {
      std::vector<Pending> pending;
      std::vector<Pending> cancelled;
      std::vector<int32_t> begun;  // the first token of the first request
      for (size_t i = 0; i < requests.size(); ++i) {
        GenerateRequest request = requests[i];
        if (i == kUrgent) begun.push_back(std::get<TokenEvent>(pending[0].queue->pop()).token);
        if (i >= kUrgent) request.priority = 1;  // others make way
        pending.push_back(submit(engine, request));
        if (i % 4 == 0) {
          cancelled.push_back(
              submit(engine, sampled(make_prompt(900, static_cast<int>(i)), 50, i)));
        }
      }
      for (Pending& request : cancelled) request.handle.cancel();
      for (size_t i = 0; i < pending.size(); ++i) {
        Outcome outcome = pending[i].wait();
        EXPECT_FALSE(outcome.finish.error.has_value());
        if (i == 0) outcome.tokens = joined(begun, outcome.tokens);
        EXPECT_EQ(outcome.tokens, expected[i]) << setup.name << ", request " << i;
      }
    }
    const EngineStatistics statistics = engine.statistics();
    EXPECT_EQ(statistics.failed, 0);
    EXPECT_EQ(statistics.dealt_steps > 0, setup.deal && setup.threads > 1) << setup.name;
    EXPECT_LT(statistics.dealt_steps, statistics.steps) << setup.name;
    EXPECT_GE(statistics.preemptions, setup.blocks > 0 ? 1 : 0) << setup.name;
    EXPECT_EQ(statistics.pool.free + statistics.pool.idle, statistics.pool.capacity);
    EXPECT_GE(statistics.prefix.hits, setup.rounds - 1) << setup.name;
  }
}

// Two requests whose answers outgrow the pool together: the younger makes way and comes back.
enum class Comeback { kFromSpillFile, kFromMemory, kComputedAgain };

void expect_preemption(uint64_t spill, Comeback comeback) {
  const GenerateRequest first = sampled(make_prompt(240, 1), 40, 1);
  const GenerateRequest second = sampled(make_prompt(240, 2), 40, 2);
  std::vector<int32_t> expected_first;
  std::vector<int32_t> expected_second;
  {
    Engine alone(nano(), {.threads = 1});
    expected_first = run(alone, first).tokens;
    expected_second = run(alone, second).tokens;
  }
  // A page each for the prompts and one more for the younger to start beside the older; a second
  // page for both answers does not fit.
  EngineOptions options;
  options.threads = 1;
  options.kv_spill = spill;
  options.reuse_prefixes = comeback == Comeback::kFromMemory;
  options.kv_memory = bytes_of(2 * blocks_for_sequence(layout(), 240) + 1);
  Engine engine(nano(), options);
  Pending a = submit(engine, first);
  Pending b = submit(engine, second);
  EXPECT_EQ(a.wait().tokens, expected_first);
  EXPECT_EQ(b.wait().tokens, expected_second);
  const EngineStatistics statistics = engine.statistics();
  EXPECT_GE(statistics.preemptions, 1);
  EXPECT_EQ(statistics.failed, 0);
  EXPECT_EQ(statistics.recomputed_tokens > 0, comeback == Comeback::kComputedAgain);
  if (comeback == Comeback::kFromSpillFile) {
    EXPECT_GE(statistics.spill->restored_sequences, 1);
    EXPECT_EQ(statistics.spill->used, 0);
  }
}

// Engines for this model have died when memory ran out, or gone on with the state of another
// sequence.
TEST(EngineLoad, APreemptedRequestGoesOnFromTheSpillFile) {
  expect_preemption(kSpillBytes, Comeback::kFromSpillFile);
}

// What is left of it in memory, where the older ones did not need it.
TEST(EngineLoad, APreemptedRequestGoesOnFromMemory) { expect_preemption(0, Comeback::kFromMemory); }

TEST(EngineLoad, APreemptedRequestIsComputedAgainWhereThereIsNoSpillFile) {
  expect_preemption(0, Comeback::kComputedAgain);
}

TEST(EngineLoad, APreemptedRequestIsComputedAgainWhenTheSpillFileIsFull) {
  expect_preemption(layout().block_bytes, Comeback::kComputedAgain);
}

TEST(EngineLoad, AnIdenticalPromptComputesOneToken) {
  Engine engine(nano(), {.threads = 1});
  for (const int length : {2, 100, 256, 257, 513}) {
    const GenerateRequest request = sampled(make_prompt(length, length), 5, 7);
    const Outcome first = run(engine, request);
    EXPECT_LE(first.finish.cached_tokens, 1);  // all begin with the same token
    const int64_t computed = engine.statistics().prompt_tokens;
    const Outcome second = run(engine, request);
    EXPECT_EQ(second.tokens, first.tokens);
    EXPECT_EQ(second.finish.cached_tokens, length - 1);
    EXPECT_EQ(engine.statistics().prompt_tokens, computed + 1);
  }
}

TEST(EngineLoad, AnEditNearTheEndOfALongPromptComputesLessThanTwoPages) {
  Engine engine(nano(), {.threads = 1});
  for (const int length : {1024, 1054, 1200}) {
    std::vector<int32_t> prompt = make_prompt(length, length);
    run(engine, greedy(prompt, 1));
    prompt[static_cast<size_t>(length - 30)] ^= 1;
    const Outcome edited = run(engine, greedy(prompt, 1));
    EXPECT_GT(edited.finish.cached_tokens, length - 30 - 2 * layout().page_tokens);
  }
}

// Prefix caches for this model have hit nothing at all.
TEST(EngineLoad, ASecondTurnComputesItsNewTokensOnly) {
  Engine engine(nano(), {.threads = 1});
  // The prompt ends with a suffix that the next turn keeps (chat) or writes otherwise (thinking).
  const std::vector<int32_t> question = make_prompt(700, 4);
  const std::vector<int32_t> suffix = {1001, 1002};
  GenerateRequest first = sampled(joined(question, suffix), 60, 5);
  first.suffix_begin = 700;
  const Outcome answer = run(engine, first);
  ASSERT_EQ(answer.tokens.size(), 60U);

  const std::vector<int32_t> more = make_prompt(20, 6);
  const Outcome chat =
      run(engine, sampled(joined(joined(first.prompt, answer.tokens), more), 3, 5));
  // The last token of the answer was never computed.
  EXPECT_EQ(chat.finish.cached_tokens, 700 + 2 + 59);

  const std::vector<int32_t> rendered = joined(joined(question, {1001, 1777}), answer.tokens);
  const Outcome thinking = run(engine, sampled(joined(rendered, more), 3, 5));
  EXPECT_GE(thinking.finish.cached_tokens, 700);
}

TEST(EngineLoad, ALostHitIsNotLostTwice) {
  Engine engine(nano(), {.threads = 1});
  const std::vector<int32_t> system = make_prompt(500, 8);
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = run(engine, greedy(joined(system, make_prompt(100, 20 + i)), 1));
    EXPECT_EQ(outcome.finish.cached_tokens, i < 2 ? 0 : 256);
  }
}

TEST(EngineLoad, SaltsKeepPrefixesApart) {
  Engine engine(nano(), {.threads = 1});
  GenerateRequest request = greedy(make_prompt(300), 1);
  request.cache_salt = "a";
  run(engine, request);
  request.cache_salt = "b";
  EXPECT_EQ(run(engine, request).finish.cached_tokens, 0);
  request.cache_salt = "a";
  EXPECT_EQ(run(engine, request).finish.cached_tokens, 299);
}

TEST(EngineLoad, PrefixesOutliveTheProcessOnDisk) {
  const test::TemporaryDirectory directory;
  EngineOptions options;
  options.threads = 1;
  options.kv_disk = directory.path();
  const GenerateRequest request = sampled(make_prompt(700, 9), 8, 3);
  std::vector<int32_t> expected;
  {
    Engine engine(nano(), options);
    expected = run(engine, request).tokens;
  }
  Engine engine(nano(), options);
  const Outcome again = run(engine, request);
  EXPECT_EQ(again.tokens, expected);
  EXPECT_EQ(again.finish.cached_tokens, 699);
  EXPECT_GT(engine.statistics().disk->read, 0);
}

// Neither does a long prompt keep a short one waiting, nor do short ones stop a long one.
TEST(EngineLoad, AShortRequestAnswersWithinTwoStepsOfALongPrefill) {
  struct Shared {
    std::atomic<Engine*> engine = nullptr;
    int64_t step = -1;  // these belong to the engine thread
    int64_t submitted = -1;
    std::atomic<int64_t> answered = -1;
    Pending short_one;
  } shared;
  EngineOptions options;
  options.threads = 1;
  options.prefill_chunk = 64;
  options.step_budget_ms = 10;
  options.before_step = [&shared](const StepInfo& info) {
    shared.step = info.index;
    if (info.index < 5 || shared.submitted >= 0 || shared.engine == nullptr) return;
    shared.submitted = info.index;
    shared.engine.load()->submit(greedy(make_prompt(12, 5), 1),
                                 [&shared](const GenerateEvent& event) {
                                   if (std::holds_alternative<TokenEvent>(event))
                                     shared.answered = shared.step;
                                   shared.short_one.queue->push(event);
                                 });
  };
  Engine engine(nano(), options);
  shared.engine = &engine;
  Pending long_one = submit(engine, greedy(make_prompt(2000, 4), 2));
  EXPECT_EQ(long_one.wait().tokens.size(), 2U);
  const auto short_answer = shared.short_one.wait();
  EXPECT_EQ(short_answer.tokens.size(), 1U);
  EXPECT_EQ(short_answer.finish.timing.first_token_steps, 1);
  engine.shutdown(Engine::Shutdown::kDrain);
  // Submitted when a step was about to run: answered by that one's successor.
  EXPECT_LE(shared.answered - shared.submitted, 1);
  EXPECT_GT(engine.statistics().steps, shared.submitted + 15);
}

TEST(EngineLoad, DecodingGoesOnInEveryStepOfAPrefill) {
  std::atomic<int> without{0};
  std::atomic<bool> watching{false};
  Engine engine(nano(),
                {.threads = 1, .prefill_chunk = 64, .before_step = [&](const StepInfo& info) {
                   if (watching && info.decoding_sequences == 0) ++without;
                 }});
  Pending decoding = submit(engine, greedy(make_prompt(10), 400));
  decoding.queue->pop();  // its first token
  watching = true;
  Pending prefilling = submit(engine, greedy(make_prompt(1200, 3), 1));
  EXPECT_EQ(prefilling.wait().tokens.size(), 1U);
  EXPECT_EQ(without, 0);
  watching = false;
  decoding.handle.cancel();
  EXPECT_GE(decoding.wait().tokens.size(), 18U);
}

TEST(EngineLoad, PrioritiesComeBeforeArrival) {
  StepGate gate;
  Engine engine(nano(), {.threads = 1, .max_running = 1, .before_step = gate.hook()});
  gate.hold_before_decoding();
  std::mutex mutex;
  std::vector<int> order;
  const auto submit_named = [&](int name, int priority) {
    GenerateRequest request = greedy(make_prompt(10 + name), 3);
    request.priority = priority;
    return engine.submit(std::move(request), [&, name](const GenerateEvent& event) {
      if (!std::holds_alternative<FinishEvent>(event)) return;
      const std::lock_guard lock(mutex);
      order.push_back(name);
    });
  };
  submit_named(0, 5);
  gate.wait_until_held();
  submit_named(1, 0);
  submit_named(2, 0);
  submit_named(3, 1);
  submit_named(4, 9);
  gate.release();
  engine.shutdown(Engine::Shutdown::kDrain);
  EXPECT_EQ(order, (std::vector<int>{4, 0, 3, 1, 2}));
}

TEST(EngineLoad, ADeadlineEndsARequestWithinAStep) {
  StepGate gate;
  Engine engine(nano(), {.threads = 1, .max_running = 1, .before_step = gate.hook()});
  gate.hold_before_decoding();
  GenerateRequest request = greedy(make_prompt(20), 1000);
  request.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
  GenerateRequest late = greedy(make_prompt(20), 1000);
  late.deadline = std::chrono::steady_clock::now();
  Pending patient = submit(engine, request);
  Pending waiting = submit(engine, late);
  gate.wait_until_held();
  gate.release();
  const Outcome outcome = waiting.wait();
  EXPECT_EQ(outcome.finish.reason, FinishReason::kError);
  EXPECT_EQ(outcome.finish.error->code(), ErrorCode::kDeadlineExceeded);
  EXPECT_TRUE(outcome.tokens.empty());
  patient.handle.cancel();
  EXPECT_EQ(patient.wait().finish.reason, FinishReason::kCancelled);
  EXPECT_EQ(engine.statistics().expired, 1);
}

// The pool has filled with state that nobody uses any more, until nothing could start.
TEST(EngineLoad, CachedPrefixesNeverKeepRequestsOut) {
  const size_t memory = bytes_of(blocks_for_sequence(layout(), 1000));
  Engine engine(nano(), {.threads = 1, .kv_memory = memory});
  for (int i = 0; i < 12; ++i) {
    const Outcome outcome = run(engine, greedy(make_prompt(150 + 70 * i, i), 2));
    EXPECT_EQ(outcome.finish.reason, FinishReason::kLength);
  }
  EXPECT_GT(engine.statistics().prefix.evicted_images, 0);
}

}  // namespace
}  // namespace hadal
