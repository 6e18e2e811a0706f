#include "bench/load/engine_bench.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <future>
#include <memory>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/leftovers.h"
#include "base/statistics.h"
#include "bench/load/engine_client.h"
#include "bench/timing.h"
#include "checkpoint/v4/checkpoint.h"
#include "model/v4/cache_layout.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// For the disk tier. What std::filesystem::temp_directory_path throws for a TMPDIR that is none is
// said like any other directory that cannot be used.
std::unique_ptr<ScratchDirectory> disk_tier_directory() {
  try {
    return std::make_unique<ScratchDirectory>(std::filesystem::temp_directory_path(),
                                              "hadal-bench-");
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = error.path1().string(),
                 .what = "takes no directory for the disk tier",
                 .remedy = "set TMPDIR to a directory that can be written"});
  }
}

// Ready when the request has ended. Its tokens wake nobody: whoever waits for them would take time
// from the very processors that are measured.
std::future<void> end_of(Engine& engine, GenerateRequest request) {
  const auto ended = std::make_shared<std::promise<void>>();
  engine.submit(std::move(request), [ended](const GenerateEvent& event) {
    const auto* finish = std::get_if<FinishEvent>(&event);
    if (finish == nullptr) return;
    if (finish->error) {
      ended->set_exception(std::make_exception_ptr(Error(*finish->error)));
    } else {
      ended->set_value();
    }
  });
  return ended->get_future();
}

class EngineBench {
 public:
  EngineBench(const Checkpoint& checkpoint, const EngineBenchOptions& options)
      : checkpoint_(checkpoint), options_(options) {}

  ThroughputFigures throughput();
  FirstTokenFigures first_token();
  RestartFigures restart();

 private:
  void say(const std::string& what) const {
    if (options_.progress) options_.progress(what);
  }
  EngineOptions engine_options() const {
    return {.threads = options_.threads, .model = options_.model, .kv_memory = options_.kv_memory};
  }
  std::vector<int32_t> prompt(int tokens, uint64_t text) const {
    return made_up_prompt(checkpoint_.config(), tokens, text);
  }
  // Request `i` of those that are computed together: some with a short prompt, some with a longer.
  GenerateRequest request(int i) const {
    const int tokens = std::min(1 + i * 61 % 96, checkpoint_.config().max_positions / 2);
    return made_up_request(prompt(tokens, static_cast<uint64_t>(i)), options_.answer_tokens,
                           static_cast<uint64_t>(i));
  }

  const Checkpoint& checkpoint_;
  const EngineBenchOptions& options_;
};

ThroughputFigures EngineBench::throughput() {
  EngineOptions engine_settings = engine_options();
  engine_settings.max_running = options_.requests;
  engine_settings.max_queue = options_.requests;
  engine_settings.reuse_prefixes = false;
  Engine engine(checkpoint_, engine_settings);
  ThroughputFigures figures{.requests = options_.requests, .answer_tokens = options_.answer_tokens};
  for (int i = 0; i < options_.requests; ++i) {
    figures.prompt_tokens += static_cast<int>(request(i).prompt.size());
  }
  const auto tokens = static_cast<double>(options_.requests) * options_.answer_tokens;
  PendingAnswer(engine, request(0)).finish();  // reads weights for the first time
  std::vector<double> together;
  std::vector<double> alone;
  const Clock::time_point first_begin = Clock::now();
  while (figures.rounds < options_.rounds || seconds_since(first_begin) < options_.least_seconds) {
    const std::string round = std::to_string(++figures.rounds);
    say("requests together, round " + round);
    Clock::time_point begin = Clock::now();
    std::vector<std::future<void>> answers;
    for (int i = 0; i < options_.requests; ++i) answers.push_back(end_of(engine, request(i)));
    for (std::future<void>& answer : answers) answer.get();
    together.push_back(tokens / seconds_since(begin));
    say("one request at a time, round " + round);
    begin = Clock::now();
    for (int i = 0; i < options_.requests; ++i) end_of(engine, request(i)).get();
    alone.push_back(tokens / seconds_since(begin));
  }
  figures.together_tokens_per_s = median(std::move(together));
  figures.alone_tokens_per_s = median(std::move(alone));
  return figures;
}

FirstTokenFigures EngineBench::first_token() {
  constexpr int kShortPrompt = 16;
  EngineOptions engine_settings = engine_options();
  engine_settings.reuse_prefixes = false;
  Engine engine(checkpoint_, engine_settings);
  FirstTokenFigures figures{.long_prompt = std::min(options_.long_prompt, engine.max_context() / 2),
                            .budget_ms = engine_settings.step_budget_ms};
  const auto probe = [&](int i) {
    GenerateRequest request =
        made_up_request(prompt(kShortPrompt, 500 + static_cast<uint64_t>(i)), 1, 1);
    const Clock::time_point begin = Clock::now();
    PendingAnswer answer(engine, std::move(request));
    const int64_t steps = answer.finish().finish.timing.first_token_steps;
    return std::pair(seconds_since(begin), steps);
  };
  say("a short request alone");
  probe(0);
  figures.idle_seconds = probe(1).first;
  const Clock::time_point begin = Clock::now();
  PendingAnswer long_answer(engine, made_up_request(prompt(figures.long_prompt, 400), 1, 1));
  std::vector<double> seconds;
  // Spread over the long prompt.
  for (int i = 0; i < options_.probes; ++i) {
    const int64_t reached = static_cast<int64_t>(figures.long_prompt) * i / options_.probes;
    while (!long_answer.poll() && engine.statistics().prompt_tokens <= reached) {
      long_answer.wait(std::chrono::milliseconds(2));
    }
    if (long_answer.poll()) break;
    say("a short request during a long prompt, " + std::to_string(i + 1));
    const auto [waited, steps] = probe(2 + i);
    seconds.push_back(waited);
    figures.greatest_steps = std::max(figures.greatest_steps, static_cast<int>(steps));
  }
  long_answer.finish();
  figures.long_seconds = seconds_since(begin);
  if (seconds.empty()) return figures;
  figures.greatest_seconds = *std::max_element(seconds.begin(), seconds.end());
  figures.median_seconds = median(std::move(seconds));
  return figures;
}

RestartFigures EngineBench::restart() {
  const std::unique_ptr<ScratchDirectory> directory = disk_tier_directory();
  RestartFigures figures;
  std::vector<int32_t> first_answer;
  for (const bool again : {false, true}) {
    say(again ? "the same prompt after a restart" : "a prompt into the disk tier");
    EngineOptions engine_settings = engine_options();
    engine_settings.kv_disk = directory->path();
    Engine engine(checkpoint_, engine_settings);
    figures.prompt_tokens = std::min(options_.restart_prompt, engine.max_context() / 2);
    const Clock::time_point begin = Clock::now();
    PendingAnswer pending(engine, made_up_request(prompt(figures.prompt_tokens, 300), 8, 1));
    while (pending.so_far().tokens.empty() && !pending.poll()) {
      pending.wait(std::chrono::milliseconds(20));
    }
    (again ? figures.second_seconds : figures.first_seconds) = seconds_since(begin);
    const EngineAnswer answer = pending.finish();
    if (again) {
      figures.same_answer = answer.tokens == first_answer;
      figures.computed_tokens = figures.prompt_tokens - answer.finish.cached_tokens;
    }
    first_answer = answer.tokens;
    engine.shutdown(Engine::Shutdown::kDrain);
  }
  return figures;
}

}  // namespace

EngineReport bench_engine(const std::filesystem::path& directory,
                          const EngineBenchOptions& options) {
  const Checkpoint checkpoint = Checkpoint::open(directory);
  EngineReport report{.model = directory.filename().string(),
                      .isa = options.model.isa,
                      .activations = options.model.activations,
                      .threads = options.threads,
                      .page_tokens = options.model.page_tokens};
  if (options.soak) {
    report.soak = soak_engine(checkpoint, options.model, options.threads, *options.soak);
    return report;
  }
  EngineBench bench(checkpoint, options);
  report.throughput = bench.throughput();
  report.first_token = bench.first_token();
  report.restart = bench.restart();
  return report;
}

}  // namespace hadal
