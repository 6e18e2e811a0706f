#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "checkpoint/v4/checkpoint.h"
#include "engine/evaluate.h"
#include "engine/event_queue.h"
#include "model/v4/v4_model.h"
#include "support/engine_requests.h"
#include "support/step_gate.h"

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

TEST(EngineTest, GreedyTokensAreThoseOfTheModelAlone) {
  std::vector<int32_t> sequence = make_prompt(40);
  Engine engine(nano(), {.threads = 1});
  const Outcome outcome = run(engine, greedy(sequence, 5));
  ASSERT_EQ(outcome.tokens.size(), 5U);
  EXPECT_EQ(outcome.finish.reason, FinishReason::kLength);
  EXPECT_EQ(outcome.finish.prompt_tokens, 40);
  EXPECT_EQ(outcome.finish.completion_tokens, 5);

  ThreadPool threads(1);
  V4Model model(nano(), threads, {});
  const auto vocab = static_cast<size_t>(model.config().vocab_size);
  for (const int32_t token : outcome.tokens) {
    const std::vector<float> logits = evaluate_logits(model, sequence, {}).logits;
    const auto last = logits.end() - static_cast<ptrdiff_t>(vocab);
    EXPECT_EQ(token, std::max_element(last, logits.end()) - last);
    sequence.push_back(token);
  }
}

TEST(EngineTest, TokensDependOnSeedAloneNotOnChunksThreadsOrNeighbours) {
  const auto request = [](uint64_t seed) {
    return GenerateRequest{.prompt = make_prompt(150),
                           .sampling = {.temperature = 1.5F, .top_p = 0.95F, .seed = seed},
                           .max_tokens = 8};
  };
  Engine plain(nano(), {.threads = 1});
  const Outcome expected = run(plain, request(7));
  EXPECT_EQ(run(plain, request(7)).tokens, expected.tokens);
  EXPECT_NE(run(plain, request(8)).tokens, expected.tokens);

  Engine chunked(nano(), {.threads = 2, .prefill_chunk = 13});
  EXPECT_EQ(run(chunked, request(7)).tokens, expected.tokens);

  Engine crowded(nano(), {.threads = 1, .max_running = 3, .prefill_chunk = 64});
  std::vector<Pending> neighbours;
  neighbours.push_back(submit(crowded, greedy(make_prompt(90, 1), 12)));
  Pending middle = submit(crowded, request(7));
  neighbours.push_back(submit(crowded, request(8)));
  EXPECT_EQ(middle.wait().tokens, expected.tokens);
  for (Pending& neighbour : neighbours) EXPECT_FALSE(neighbour.wait().tokens.empty());
}

TEST(EngineTest, StopTokensEndTheAnswerUnreported) {
  Engine engine(nano(), {.threads = 1});
  const Outcome whole = run(engine, greedy(make_prompt(30), 6));
  ASSERT_EQ(whole.tokens.size(), 6U);
  size_t at = 1;  // the first place of a token that did not come before
  while (at < 6 &&
         std::count(whole.tokens.begin(), whole.tokens.begin() + static_cast<ptrdiff_t>(at),
                    whole.tokens[at]) > 0) {
    ++at;
  }
  ASSERT_LT(at, 6U);
  GenerateRequest request = greedy(make_prompt(30), 6);
  request.stop_tokens = {whole.tokens[at]};
  const Outcome stopped = run(engine, request);
  EXPECT_EQ(stopped.finish.reason, FinishReason::kStop);
  EXPECT_EQ(stopped.tokens,
            std::vector<int32_t>(whole.tokens.begin(),
                                 whole.tokens.begin() + static_cast<ptrdiff_t>(at)));
  EXPECT_EQ(stopped.finish.completion_tokens, static_cast<int>(at) + 1);
}

TEST(EngineTest, CancellationEndsARequestWithinOneStep) {
  StepGate gate;
  Engine engine(nano(), {.threads = 1, .max_running = 1, .before_step = gate.hook()});
  gate.hold_before_decoding();
  Pending running = submit(engine, greedy(make_prompt(20), 100));
  Pending waiting = submit(engine, greedy(make_prompt(20), 100));
  gate.wait_until_held();  // one token is out
  running.handle.cancel();
  waiting.handle.cancel();
  gate.release();
  const Outcome outcome = running.wait();
  EXPECT_EQ(outcome.finish.reason, FinishReason::kCancelled);
  EXPECT_LE(outcome.tokens.size(), 2U);
  const Outcome never_started = waiting.wait();
  EXPECT_EQ(never_started.finish.reason, FinishReason::kCancelled);
  EXPECT_TRUE(never_started.tokens.empty());

  const EngineStatistics statistics = engine.statistics();
  EXPECT_EQ(statistics.cancelled, 2);
  EXPECT_EQ(statistics.pool.free + statistics.pool.idle, statistics.pool.capacity);
  EXPECT_EQ(run(engine, greedy(make_prompt(20), 1)).finish.reason, FinishReason::kLength);
}

TEST(EngineTest, TheQueueIsBounded) {
  StepGate gate;
  Engine engine(nano(),
                {.threads = 1, .max_running = 1, .max_queue = 2, .before_step = gate.hook()});
  gate.hold_before_decoding();
  std::vector<Pending> accepted;
  for (int i = 0; i < 3; ++i) accepted.push_back(submit(engine, greedy(make_prompt(10), 2)));
  try {
    submit(engine, greedy(make_prompt(10), 2));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  }
  EXPECT_EQ(engine.statistics().refused, 1);
  gate.release();
  for (Pending& pending : accepted) {
    EXPECT_EQ(pending.wait().finish.reason, FinishReason::kLength);
  }
  EXPECT_EQ(run(engine, greedy(make_prompt(10), 1)).tokens.size(), 1U);
}

TEST(EngineTest, BadRequestsAreRefusedBeforeTheQueue) {
  Engine engine(nano(), {.threads = 1, .max_context = 100});
  EXPECT_EQ(engine.max_context(), 100);
  const auto code_of = [&](GenerateRequest request) {
    try {
      submit(engine, std::move(request));
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code_of(greedy({}, 1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(greedy({-1}, 1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(greedy({2048}, 1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(greedy({5}, -1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({.prompt = {5}, .sampling = {.temperature = -1}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(greedy(make_prompt(100), 1)), ErrorCode::kResourceExhausted);
  EXPECT_EQ(engine.statistics().requests, 0);
  const Outcome clipped = run(engine, greedy(make_prompt(99), 50));
  EXPECT_EQ(clipped.tokens.size(), 1U);
  EXPECT_EQ(clipped.finish.reason, FinishReason::kLength);
}

TEST(EngineTest, ASmallCacheLimitsTheContext) {
  ThreadPool threads(1);
  const V4Model model(nano(), threads, {});
  const CacheLayout& layout = model.cache_layout();
  const size_t blocks = static_cast<size_t>(layout.state_units) + 2;
  Engine engine(nano(), {.threads = 1, .kv_memory = blocks * layout.block_bytes});
  EXPECT_EQ(engine.max_context(), 2 * layout.page_tokens);
  try {
    submit(engine, greedy(make_prompt(2 * layout.page_tokens), 1));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("512"), std::string::npos) << error.what();
  }
  EXPECT_EQ(run(engine, greedy(make_prompt(511), 9)).tokens.size(), 1U);
  EXPECT_THROW(Engine(nano(), {.threads = 1, .kv_memory = 1000}), Error);
}

TEST(EngineTest, AFaultOfAStepEndsItsRequestsOnly) {
  enum class Fault { kError, kInvariant, kMemory, kOther };
  std::mutex mutex;
  std::optional<Fault> next;
  Engine engine(nano(), {.threads = 1, .before_step = [&](const StepInfo&) {
                           const std::lock_guard lock(mutex);
                           const std::optional<Fault> fault = std::exchange(next, std::nullopt);
                           if (!fault.has_value()) return;
                           if (*fault == Fault::kError) {
                             throw Error({.code = ErrorCode::kInvalidFile, .what = "a bad page"});
                           }
                           if (*fault == Fault::kInvariant) throw InvariantError("broken");
                           if (*fault == Fault::kMemory) throw std::bad_alloc();
                           throw 42;
                         }});
  const std::vector<std::pair<Fault, ErrorCode>> faults{
      {Fault::kError, ErrorCode::kInvalidFile},
      {Fault::kInvariant, ErrorCode::kInternal},
      {Fault::kMemory, ErrorCode::kResourceExhausted},
      {Fault::kOther, ErrorCode::kInternal}};
  for (const auto& [fault, code] : faults) {
    {
      const std::lock_guard lock(mutex);
      next = fault;
    }
    const Outcome outcome = run(engine, greedy(make_prompt(10), 3));
    EXPECT_EQ(outcome.finish.reason, FinishReason::kError);
    ASSERT_TRUE(outcome.finish.error.has_value());
    EXPECT_EQ(outcome.finish.error->code(), code);
    EXPECT_EQ(run(engine, greedy(make_prompt(10), 3)).tokens.size(), 3U);
  }
  const EngineStatistics statistics = engine.statistics();
  EXPECT_EQ(statistics.failed, 4);
  EXPECT_EQ(statistics.completed, 4);
  EXPECT_EQ(statistics.pool.free + statistics.pool.idle, statistics.pool.capacity);
}

TEST(EngineTest, AHandlerThatThrowsCancelsItsRequest) {
  Engine engine(nano(), {.threads = 1});
  std::promise<FinishReason> finished;
  engine.submit(greedy(make_prompt(10), 1000), [&](const GenerateEvent& event) {
    if (const auto* finish = std::get_if<FinishEvent>(&event)) finished.set_value(finish->reason);
    throw std::runtime_error("handler");
  });
  EXPECT_EQ(finished.get_future().get(), FinishReason::kCancelled);
}

TEST(EngineTest, ShutdownDrainsOrCancels) {
  Pending drained;
  Pending cancelled;
  {
    Engine engine(nano(), {.threads = 1});
    drained = submit(engine, greedy(make_prompt(10), 4));
    engine.shutdown(Engine::Shutdown::kDrain);
    EXPECT_THROW(submit(engine, greedy(make_prompt(10), 4)), Error);
    engine.shutdown(Engine::Shutdown::kCancel);
  }
  EXPECT_EQ(drained.wait().tokens.size(), 4U);
  {
    Engine engine(nano(), {.threads = 1});
    cancelled = submit(engine, greedy(make_prompt(10), 3000));
  }
  EXPECT_EQ(cancelled.wait().finish.reason, FinishReason::kCancelled);
}

TEST(EngineTest, ManyThreadsSubmitAndCancel) {
  Engine engine(nano(), {.threads = 1, .max_running = 2});
  std::vector<std::thread> threads;
  std::atomic<int> finished{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i) {
        Pending pending = submit(engine, greedy(make_prompt(8 + t), 1 + i));
        if ((t + i) % 3 == 0) pending.handle.cancel();
        pending.wait();
        ++finished;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(finished, 20);
  const EngineStatistics statistics = engine.statistics();
  EXPECT_EQ(statistics.completed + statistics.cancelled, 20);
  EXPECT_EQ(statistics.pool.free + statistics.pool.idle, statistics.pool.capacity);
  EXPECT_EQ(statistics.waiting + statistics.running, 0);
}

TEST(EngineTest, OptionsOutOfRangeAreNamed) {
  EXPECT_THROW(Engine(nano(), {.threads = -1}), Error);
  EXPECT_THROW(Engine(nano(), {.max_running = 0}), Error);
  EXPECT_THROW(Engine(nano(), {.max_queue = 0}), Error);
  EXPECT_THROW(Engine(nano(), {.prefill_chunk = 0}), Error);
  EXPECT_THROW(Engine(nano(), {.step_budget_ms = 0}), Error);
  EXPECT_THROW(Engine(nano(), {.model = {.page_tokens = 100}}), Error);
}

}  // namespace
}  // namespace hadal
