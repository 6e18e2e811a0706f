#include "engine/engine.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <fmt/format.h>
#include <iterator>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "cache/block_pool.h"
#include "checkpoint/v4/checkpoint.h"
#include "engine/draft_cycle.h"
#include "engine/engine_setup.h"
#include "engine/local_executor.h"
#include "engine/request_check.h"
#include "engine/scheduler.h"
#include "engine/sequence_memory.h"
#include "engine/step_cycle.h"
#include "model/v4/v4_model.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kMillisecondsPerSecond = 1000;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// The error of whatever is being handled, for a FinishEvent.
Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error({.code = ErrorCode::kResourceExhausted,
                  .where = "the engine",
                  .what = "ran out of memory",
                  .remedy = "give the cache less memory, or use a smaller prefill chunk"});
  } catch (const std::exception& error) {
    return Error({.code = ErrorCode::kInternal,
                  .where = "the engine",
                  .what = std::string("internal fault: ") + error.what(),
                  .remedy = "please report it"});
  } catch (...) {
    return Error({.code = ErrorCode::kInternal,
                  .where = "the engine",
                  .what = "internal fault of unknown kind",
                  .remedy = "please report it"});
  }
}

// How far it came tells whether more time would help or the prompt alone is too long for it.
Error expired_error(const Sequence& sequence) {
  const int computed = std::min(sequence.computed_length, sequence.prompt_tokens);
  return Error({.code = ErrorCode::kDeadlineExceeded,
                .where = "the request",
                .what = "its deadline passed with " + std::to_string(computed) + " of the " +
                        std::to_string(sequence.prompt_tokens) +
                        " tokens of the prompt computed and " +
                        std::to_string(sequence.generated_tokens()) + " of the answer made",
                .remedy = "give it more time, or ask for less"});
}

}  // namespace

struct Engine::Impl {
  Impl(const Checkpoint& checkpoint, const EngineOptions& engine_options);

  RequestHandle submit(GenerateRequest request, EventHandler on_event);
  void shutdown(Shutdown how);

  // The engine thread.
  void run();
  bool take_arrivals();
  void run_step(const std::vector<ScheduledRows>& scheduled);
  void note_starts(const std::vector<ScheduledRows>& scheduled);
  bool advance(const ScheduledRows& rows, int index);
  void take_prompt_logprobs(Sequence& sequence, Choice& choice);
  void count_drafts(const ScheduledRows& rows, int kept);
  bool take_token(Sequence& sequence, SampledToken& sampled, bool last);
  void add_target(Sequence& sequence, int index);
  void speculate();
  void bill(const std::vector<ScheduledRows>& scheduled, double seconds);
  void bill_drafts(double seconds);
  void end(Sequence& sequence, bool keep, FinishReason reason,
           std::optional<Error> error = std::nullopt);
  void finish_ended();
  void emit(Sequence& sequence, const GenerateEvent& event);
  void finish(std::unique_ptr<Sequence> sequence, FinishReason reason,
              std::optional<Error> error = std::nullopt);
  void publish_locked();

  const EngineOptions options;
  const ModelConfig model_config;
  const std::unique_ptr<Drafter> drafter;
  Speculator* const speculator;  // the drafter, if it is one
  const int drafter_window;
  const KvMemoryPlan cache_plan;
  const std::unique_ptr<LocalExecutor> executor;
  SequenceMemory memory;
  Scheduler scheduler;
  const int max_context;
  StepCycle cycle;
  DraftCycle draft_cycle;
  EngineStatistics counts;  // the engine thread's own; published once per step

  // A sequence that ended in a step, which has yet to hear so: its share of the step is not known.
  struct Ended {
    std::unique_ptr<Sequence> sequence;
    FinishReason reason = FinishReason::kStop;
    std::optional<Error> error = {};
  };
  std::vector<Ended> ended;
  std::vector<SpeculationTarget> targets;  // of the step
  std::vector<DraftTask> tasks;
  std::vector<double> parts;     // of the step's duration, [sequences of the step]
  std::vector<uint8_t> decodes;  // whether it is a part of decoding, [sequences of the step]

  std::mutex mutex;  // guards all below
  std::condition_variable wake;
  std::vector<std::unique_ptr<Sequence>> arrivals;
  int in_flight = 0;  // accepted and not finished
  int64_t accepted = 0;
  int64_t refused = 0;
  bool closing = false;
  bool cancel_all = false;
  EngineStatistics published;

  std::mutex join_mutex;
  std::thread thread;
};

Engine::Impl::Impl(const Checkpoint& checkpoint, const EngineOptions& engine_options)
    : options(checked(engine_options)),
      model_config(checkpoint.config()),
      drafter(make_drafter(options, model_config)),
      speculator(dynamic_cast<Speculator*>(drafter.get())),
      drafter_window(used_drafter(options, model_config).window),
      cache_plan(plan_cache(options, model_config, *drafter)),
      executor(make_executor(checkpoint, options, *drafter, cache_plan.bytes)),
      memory(executor->geometry(),
             memory_options(options, checkpoint, executor->geometry(), cache_plan.blocks)),
      scheduler(memory, *drafter,
                {.max_running = options.max_running,
                 .prefill_rows = options.prefill_chunk,
                 .budget_seconds = options.step_budget_ms / kMillisecondsPerSecond,
                 .experts = {.routed = model_config.routed_experts,
                             .per_row = model_config.experts_per_token}}),
      max_context(static_cast<int>(
          std::min<int64_t>(wanted_context(options, model_config), cache_plan.tokens))),
      cycle(*executor, memory, options.simulated ? &*options.simulated : nullptr),
      draft_cycle(*executor) {
  executor->use_pool(memory.pool().view());
  publish_locked();
  thread = std::thread([this] { run(); });
}

RequestHandle Engine::Impl::submit(GenerateRequest request, EventHandler on_event) {
  const int most_tokens = check_request(
      request, {.vocab = executor->vocab_size(), .context = max_context, .holds = [this] {
                  return fmt::format("the model {}, the cache {} blocks of {} bytes",
                                     model_config.max_positions, cache_plan.blocks,
                                     executor->geometry().block_bytes);
                }});
  request.speculation =
      effective_speculation(request.speculation, options.speculation, model_config);

  auto sequence = std::make_unique<Sequence>();
  sequence->cancelled = std::make_shared<std::atomic<bool>>(false);
  RequestHandle handle(sequence->cancelled);
  sequence->prompt_tokens = static_cast<int>(request.prompt.size());
  sequence->token_limit = sequence->prompt_tokens + most_tokens;
  sequence->tokens = std::exchange(request.prompt, {});
  sequence->sampling =
      SamplerState(request.sampling, sequence->tokens, std::exchange(request.constraint, {}),
                   {.always = std::exchange(request.banned_tokens, {}),
                    .early = request.stop_tokens,
                    .early_until = request.min_tokens});
  sequence->request = std::move(request);
  sequence->on_event = std::move(on_event);
  sequence->submitted = Clock::now();
  {
    const std::lock_guard lock(mutex);
    if (closing) {
      throw Error({.code = ErrorCode::kUnavailable,
                   .where = "the engine",
                   .what = "is shutting down",
                   .remedy = "ask again when it is back"});
    }
    if (in_flight >= options.max_running + options.max_queue) {
      ++refused;
      throw Error({.code = ErrorCode::kUnavailable,
                   .where = "the queue",
                   .what = "is full: " + std::to_string(in_flight) + " requests are in flight",
                   .remedy = "try again in a few seconds"});
    }
    arrivals.push_back(std::move(sequence));
    ++in_flight;
    ++accepted;
  }
  wake.notify_one();
  return handle;
}

void Engine::Impl::shutdown(Shutdown how) {
  {
    const std::lock_guard lock(mutex);
    closing = true;
    if (how == Shutdown::kCancel) cancel_all = true;
  }
  wake.notify_one();
  const std::lock_guard lock(join_mutex);
  if (thread.joinable()) thread.join();
}

void Engine::Impl::run() {
  executor->pin();
  while (take_arrivals()) {
    try {
      for (auto& sequence : scheduler.remove_cancelled()) {
        finish(std::move(sequence), FinishReason::kCancelled);
      }
      for (auto& sequence : scheduler.remove_expired(Clock::now())) {
        ++counts.expired;
        const Error error = expired_error(*sequence);
        finish(std::move(sequence), FinishReason::kError, error);
      }
      const std::vector<ScheduledRows> scheduled = scheduler.next_step();
      if (!scheduled.empty()) run_step(scheduled);
    } catch (...) {
      // Not the fault of one request that could be named: end them all and go on.
      const Error error = current_error();
      for (auto& sequence : scheduler.remove_all()) {
        finish(std::move(sequence), FinishReason::kError, error);
      }
      finish_ended();
    }
    const std::lock_guard lock(mutex);
    publish_locked();
  }
}

// Waits for work; false when there is none left and the engine closes.
bool Engine::Impl::take_arrivals() {
  std::vector<std::unique_ptr<Sequence>> taken;
  bool cancel = false;
  bool open = true;
  {
    std::unique_lock lock(mutex);
    if (scheduler.idle()) wake.wait(lock, [&] { return !arrivals.empty() || closing; });
    taken.swap(arrivals);
    cancel = cancel_all;
    open = !closing;
  }
  for (auto& sequence : taken) {
    sequence->steps_before = counts.steps;
    scheduler.add(std::move(sequence));
  }
  if (cancel) {
    for (auto& sequence : scheduler.remove_all()) {
      finish(std::move(sequence), FinishReason::kCancelled);
    }
  }
  return open || !scheduler.idle();
}

void Engine::Impl::run_step(const std::vector<ScheduledRows>& scheduled) {
  const Clock::time_point begin = Clock::now();
  StepInfo info{.index = counts.steps, .sequences = static_cast<int>(scheduled.size())};
  for (const ScheduledRows& rows : scheduled) {
    info.rows += rows.all_rows();
    if (rows.sequence->generated_tokens() > 0) ++info.decoding_sequences;
  }
  ++counts.steps;
  const StepShape shape = Scheduler::shape_of(scheduled);
  scheduler.divide(scheduled, parts);
  decodes.clear();
  for (const ScheduledRows& rows : scheduled) {
    const bool has_token = rows.sequence->generated_tokens() > 0;
    decodes.push_back(has_token && rows.sequence->decodes() ? 1 : 0);
  }
  note_starts(scheduled);
  try {
    if (options.before_step) options.before_step(info);
    cycle.compute(scheduled, speculator == nullptr || speculator->feeds_model());
  } catch (...) {
    const Error error = current_error();
    for (const ScheduledRows& rows : scheduled) {
      finish(scheduler.remove(*rows.sequence, false), FinishReason::kError, error);
    }
    counts.step_seconds += seconds_between(begin, Clock::now());
    return;
  }
  targets.clear();
  tasks.clear();
  for (int i = 0; i < info.sequences; ++i) {
    const ScheduledRows& rows = scheduled[static_cast<size_t>(i)];
    const bool goes_on = advance(rows, i);
    if (goes_on && rows.samples && speculator != nullptr) add_target(*rows.sequence, i);
  }
  const double seconds = seconds_between(begin, Clock::now());
  counts.dealt_steps = executor->dealt_steps();
  counts.step_seconds += seconds;
  counts.step_times.add(seconds);
  counts.longest_step_seconds = std::max(counts.longest_step_seconds, seconds);
  counts.predicted_seconds += scheduler.predict(shape);
  counts.decode_rows += shape.decode_rows;
  counts.prefill_rows += shape.prefill_rows;
  bill(scheduled, seconds);
  scheduler.measured(shape, seconds);
  finish_ended();  // who is done does not wait for the guesses of others
  if (!targets.empty()) speculate();
}

// Shares out what the step took. Sequences that ended in it are still there.
void Engine::Impl::bill(const std::vector<ScheduledRows>& scheduled, double seconds) {
  for (size_t i = 0; i < scheduled.size(); ++i) {
    Sequence& sequence = *scheduled[i].sequence;
    const double share = seconds * parts[i];
    (decodes[i] != 0 ? sequence.decode_seconds : sequence.prefill_seconds) += share;
    (decodes[i] != 0 ? counts.decode_seconds : counts.prefill_seconds) += share;
  }
}

// Takes a sequence of the step out; finish_ended() tells it of its end.
void Engine::Impl::end(Sequence& sequence, bool keep, FinishReason reason,
                       std::optional<Error> error) {
  ended.push_back(
      {.sequence = scheduler.remove(sequence, keep), .reason = reason, .error = std::move(error)});
}

void Engine::Impl::finish_ended() {
  for (Ended& each : ended) {
    finish(std::move(each.sequence), each.reason, std::move(each.error));
  }
  ended.clear();
}

// Counts what the first step of a request shows.
void Engine::Impl::note_starts(const std::vector<ScheduledRows>& scheduled) {
  for (const ScheduledRows& rows : scheduled) {
    const Sequence& sequence = *rows.sequence;
    if (sequence.computed_length > 0) continue;
    counts.queue_seconds += seconds_between(sequence.submitted, sequence.started);
    counts.cached_tokens += sequence.cached_tokens;
  }
}

// Commits the rows of sequence `index` of the step, and gives it its next tokens if it has any;
// false when it has ended.
bool Engine::Impl::advance(const ScheduledRows& rows, int index) {
  Sequence& sequence = *rows.sequence;
  Choice& choice = cycle.choice(index);
  try {
    if (choice.failure) std::rethrow_exception(choice.failure);
    cycle.finish_commit(rows, index);
  } catch (...) {
    end(sequence, false, FinishReason::kError, current_error());
    return false;
  }
  const int begin = sequence.cache.length - rows.rows - choice.kept_drafts;
  counts.prompt_tokens += std::min(sequence.cache.length, sequence.prompt_tokens) -
                          std::min(begin, sequence.prompt_tokens);
  if (!rows.drafts.empty()) count_drafts(rows, choice.kept_drafts);
  if (!choice.prompt_logprobs.empty()) take_prompt_logprobs(sequence, choice);
  if (rows.samples && sequence.request.prompt_only) {
    end(sequence, true, FinishReason::kLength);
    return false;
  }
  for (size_t i = 0; i < choice.tokens.size(); ++i) {
    if (!take_token(sequence, choice.tokens[i], i + 1 == choice.tokens.size())) return false;
  }
  return true;
}

void Engine::Impl::count_drafts(const ScheduledRows& rows, int kept) {
  Sequence& sequence = *rows.sequence;
  const int drafted = rows.draft_rows();
  SpeculationCounts& all = counts.speculation;
  ++all.drafts;
  all.draft_tokens += drafted;
  all.accepted_tokens += kept;
  for (int i = 0; i < std::min(kept, kMostDrafts); ++i) ++all.accepted_at[static_cast<size_t>(i)];
  sequence.drafted_tokens += drafted;
  sequence.kept_drafts += kept;
  drafter->observe({.sequence = sequence.arrival, .proposed = drafted, .kept = kept});
}

// Sequence `index` of the step goes on, with a token that is yet to be computed.
void Engine::Impl::add_target(Sequence& sequence, int index) {
  targets.push_back({.sequence = sequence.arrival,
                     .tokens = sequence.tokens,
                     .speculation = *sequence.request.speculation,
                     .room = sequence.room_for_drafts(),
                     .known_to_model = sequence.cache.drafter_rows == sequence.cache.length ||
                                       sequence.cache.drafter_rows >= drafter_window});
  tasks.push_back({.sequence = &sequence, .index = index, .target = targets.size() - 1});
}

// Guesses for the targets.
void Engine::Impl::speculate() {
  const std::vector<int>& wanted = speculator->plan(targets, scheduler.cost());
  for (size_t i = 0; i < tasks.size(); ++i) tasks[i].wanted = wanted[i];
  std::erase_if(tasks, [](const DraftTask& task) { return task.wanted == 0; });
  if (tasks.empty()) return;
  const Clock::time_point begin = Clock::now();
  int passes = 0;
  try {
    passes = draft_cycle.run(tasks);
  } catch (...) {
    return;  // the next step checks none; what is wrong with the model it will tell itself
  }
  const double seconds = seconds_between(begin, Clock::now());
  speculator->measured(passes, seconds);
  bill_drafts(seconds);
  for (DraftTask& task : tasks) {
    speculator->give(task.target, task.sequence->arrival, task.sequence->tokens.size(),
                     std::move(task.drafts), std::move(task.confidence));
  }
  speculator->settle(scheduler.cost());
}

// Shares out what the drafter took for the tasks of the step.
void Engine::Impl::bill_drafts(double seconds) {
  counts.speculation.draft_seconds += seconds;
  size_t guesses = 0;
  for (const DraftTask& task : tasks) guesses += task.drafts.size();
  if (guesses == 0) return;
  const double each = seconds / static_cast<double>(guesses);
  for (const DraftTask& task : tasks) {
    task.sequence->draft_seconds += each * static_cast<double>(task.drafts.size());
  }
}

// Tells of them once they are all there.
void Engine::Impl::take_prompt_logprobs(Sequence& sequence, Choice& choice) {
  std::move(choice.prompt_logprobs.begin(), choice.prompt_logprobs.end(),
            std::back_inserter(sequence.prompt_logprobs));
  if (sequence.unscored_tokens() == 0) {
    emit(sequence, PromptEvent{.logprobs = sequence.prompt_logprobs});
  }
}

// Tells of the sequence's next token; false when that ended it. `last` of its step: neither the
// sequence nor its sampling state know it yet.
bool Engine::Impl::take_token(Sequence& sequence, SampledToken& sampled, bool last) {
  if (last) sequence.tokens.push_back(sampled.token);
  const std::vector<int32_t>& ends = sequence.request.stop_tokens;
  const bool stops = std::find(ends.begin(), ends.end(), sampled.token) != ends.end();
  try {
    if (last && !stops) sequence.sampling.advance(sampled.token);
  } catch (...) {
    end(sequence, false, FinishReason::kError, current_error());
    return false;
  }
  ++counts.generated_tokens;
  if (sequence.first_token == Clock::time_point{}) {
    sequence.first_token = Clock::now();
    sequence.first_token_steps = counts.steps - sequence.steps_before;
  }
  TokenEvent event{.token = sampled.token,
                   .cached_tokens = sequence.cached_tokens,
                   .logprobs = std::move(sampled.logprobs)};
  if (stops) {
    sequence.stop_token = std::move(event);
    end(sequence, true, FinishReason::kStop);
    return false;
  }
  emit(sequence, event);
  if (!last || static_cast<int>(sequence.tokens.size()) < sequence.token_limit) return true;
  end(sequence, true, FinishReason::kLength);
  return false;
}

void Engine::Impl::emit(Sequence& sequence, const GenerateEvent& event) {
  try {
    sequence.on_event(event);
  } catch (...) {
    sequence.cancelled->store(true, std::memory_order_relaxed);
  }
}

void Engine::Impl::finish(std::unique_ptr<Sequence> sequence, FinishReason reason,
                          std::optional<Error> error) {
  if (reason == FinishReason::kCancelled) {
    ++counts.cancelled;
  } else if (reason == FinishReason::kError) {
    ++counts.failed;
  } else {
    ++counts.completed;
  }
  const Clock::time_point now = Clock::now();
  const bool started = sequence->started != Clock::time_point{};
  const bool answered = sequence->first_token != Clock::time_point{};
  FinishEvent event{.reason = reason,
                    .prompt_tokens = sequence->prompt_tokens,
                    .cached_tokens = sequence->cached_tokens,
                    .completion_tokens = sequence->generated_tokens(),
                    .error = std::move(error),
                    .stop_token = std::move(sequence->stop_token),
                    .drafted_tokens = sequence->drafted_tokens,
                    .kept_drafts = sequence->kept_drafts,
                    .timing = {}};
  event.timing.queue_seconds =
      seconds_between(sequence->submitted, started ? sequence->started : now);
  if (answered) {
    event.timing.first_token_seconds = seconds_between(sequence->submitted, sequence->first_token);
    counts.first_token_times.add(event.timing.first_token_seconds);
  }
  event.timing.total_seconds = seconds_between(sequence->submitted, now);
  event.timing.first_token_steps = sequence->first_token_steps;
  event.timing.prefill_seconds = sequence->prefill_seconds;
  event.timing.decode_seconds = sequence->decode_seconds;
  event.timing.draft_seconds = sequence->draft_seconds;
  counts.queue_times.add(event.timing.queue_seconds);
  counts.request_times.add(event.timing.total_seconds);
  {
    const std::lock_guard lock(mutex);
    --in_flight;
    publish_locked();
  }
  emit(*sequence, event);
}

void Engine::Impl::publish_locked() {
  published = counts;
  published.running = scheduler.running();
  published.speculation.simulated = options.simulated.has_value();
  if (speculator != nullptr) published.speculation.decisions = speculator->statistics();
  published.preemptions = scheduler.statistics().preemptions;
  published.recomputed_tokens = scheduler.statistics().recomputed_tokens;
  published.pool = memory.pool_statistics();
  published.prefix = memory.prefix_statistics();
  published.disk = memory.disk_statistics();
  published.spill = memory.spill_statistics();
}

Engine::Engine(const Checkpoint& checkpoint, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(checkpoint, options)) {}

Engine::~Engine() { impl_->shutdown(Shutdown::kCancel); }

RequestHandle Engine::submit(GenerateRequest request, EventHandler on_event) {
  return impl_->submit(std::move(request), std::move(on_event));
}

void Engine::shutdown(Shutdown how) { impl_->shutdown(how); }

const ModelConfig& Engine::config() const { return impl_->model_config; }

int Engine::max_running() const { return impl_->options.max_running; }

int Engine::max_context() const { return impl_->max_context; }

std::string Engine::describe_cache() const {
  constexpr double kMiB = 1 << 20;
  return fmt::format("{}; buffers of a step {:.0f} MiB",
                     describe(impl_->cache_plan, impl_->executor->geometry()),
                     static_cast<double>(impl_->executor->step_buffer_bytes()) / kMiB);
}

EngineStatistics Engine::statistics() const {
  const std::lock_guard lock(impl_->mutex);
  EngineStatistics statistics = impl_->published;
  statistics.requests = impl_->accepted;
  statistics.refused = impl_->refused;
  statistics.waiting = impl_->in_flight - statistics.running;
  return statistics;
}

}  // namespace hadal
