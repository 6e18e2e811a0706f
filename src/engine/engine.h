// The engine: one thread that owns a model, its cache and the sequences in flight, and computes one
// step after the other for whatever requests there are. Callers on any thread submit requests and
// hear events; the exchange of the two is the only lock. Nothing a request asks can end the
// process: a fault in a step ends the requests of that step.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/statistics.h"
#include "cache/block_pool.h"
#include "cache/disk_tier.h"
#include "cache/kv_memory.h"
#include "cache/prefix_index.h"
#include "cache/spill_file.h"
#include "engine/drafter.h"
#include "engine/request.h"
#include "engine/simulated_acceptance.h"
#include "engine/speculation.h"
#include "engine/speculator.h"
#include "model/v4/v4_model.h"

namespace hadal {

class Checkpoint;
struct ModelConfig;

// What a step is about to compute.
struct StepInfo {
  int64_t index = 0;  // counts from 0
  int sequences = 0;
  int rows = 0;
  int decoding_sequences = 0;  // those of them that have generated at least one token
};

struct EngineOptions {
  int threads = 0;  // 0: one per available processor
  ModelOptions model = {};
  int max_context = 0;       // tokens of prompt and answer; 0: what the model and the cache allow
  int max_running = 16;      // sequences computed together
  int max_queue = 64;        // requests that may wait besides those running
  int prefill_chunk = 512;   // rows of prompts in one step, at most
  int step_budget_ms = 500;  // predicted duration of a step beyond which prompts wait

  // Whether the threads may take the sequences of a step among them, each computing its own, where
  // they come out even and steps are faster so. None: where the weights fit into the processor's
  // last cache.
  std::optional<bool> deal_sequences = {};

  // How tokens are guessed ahead, where requests do not say otherwise.
  Speculation speculation = {.kind = SpeculationKind::kOff};
  // For measurements: guesses are kept so, and answers are worth nothing.
  std::optional<SimulatedAcceptance> simulated = {};
  // For tests: makes another drafter, whose guesses are checked in the steps of decoding sequences.
  std::function<std::unique_ptr<Drafter>()> make_drafter = {};

  // Bytes of memory for cached keys and values. 0: what is free beside the weights, if so much is
  // of use.
  size_t kv_memory = 0;
  bool reuse_prefixes = true;
  // Where prefixes are kept beyond memory and restarts; empty: nowhere.
  std::filesystem::path kv_disk = {};
  uint64_t kv_disk_size = uint64_t{16} << 30;
  // Bytes of disk for the state of requests that make way for older ones; 0: what the disk tier
  // does not have of them is computed again. The file is made in kv_disk, or without one in the
  // directory for temporary files.
  uint64_t kv_spill = 0;
  // One line each time something is wrong with the disk. On any thread.
  std::function<void(const std::string&)> log = {};
  // Called on the engine thread before every step. For tests: it may block, and what it throws
  // counts as a fault of the step.
  std::function<void(const StepInfo&)> before_step = {};
};

// Guesses of tokens, and what became of them.
struct SpeculationCounts {
  int64_t drafts = 0;  // sequences and steps with guesses
  int64_t draft_tokens = 0;
  int64_t accepted_tokens = 0;                        // sampled as well
  std::array<int64_t, kMostDrafts> accepted_at = {};  // by place among those of a step
  double draft_seconds = 0;                           // of the model's drafter, beside the steps
  SpeculatorStatistics decisions;
  bool simulated = false;  // EngineOptions::simulated: what was kept says nothing of the model
};

struct EngineStatistics {
  int64_t requests = 0;  // accepted by submit
  int64_t refused = 0;   // because the queue was full
  int64_t completed = 0;
  int64_t cancelled = 0;
  int64_t failed = 0;
  int64_t expired = 0;        // of the failed: the deadline had passed
  int64_t prompt_tokens = 0;  // computed, those that were lost and computed again included
  int64_t cached_tokens = 0;  // of prompts, found in the cache
  int64_t generated_tokens = 0;
  SpeculationCounts speculation;
  int64_t steps = 0;
  int64_t dealt_steps = 0;  // of them: each thread computed sequences of its own, or one did all
  double step_seconds = 0;  // all steps together
  // Shares of requests in the steps that did not fail, as in their RequestTiming.
  double prefill_seconds = 0;
  double decode_seconds = 0;
  int64_t decode_rows = 0;  // of all steps
  int64_t prefill_rows = 0;
  double predicted_seconds = 0;     // what the steps were expected to take
  double longest_step_seconds = 0;  // so far
  TimeHistogram step_times;
  TimeHistogram queue_times;        // of requests that ended, as in their RequestTiming
  TimeHistogram first_token_times;  // of those that had one
  TimeHistogram request_times;
  double queue_seconds = 0;       // of all requests that started, before they did
  int64_t preemptions = 0;        // sequences that made way for others
  int64_t recomputed_tokens = 0;  // lost thereby
  int waiting = 0;
  int running = 0;
  PoolStatistics pool;
  PrefixStatistics prefix;
  std::optional<DiskStatistics> disk;
  std::optional<SpillStatistics> spill;
};

class Engine {
 public:
  // Binds the model, reserves the cache and starts the engine thread. `checkpoint` must outlive
  // the engine. Throws Error kInvalidArgument for options out of range, kResourceExhausted when
  // the cache would not hold even one short sequence, and what binding the model throws.
  Engine(const Checkpoint& checkpoint, const EngineOptions& options);
  // Cancels what runs, as shutdown(kCancel) does.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Queues a request; `on_event` hears of it from now on, on the engine thread. From any thread.
  // Throws Error: kInvalidArgument for an empty prompt, ids outside the vocabulary, sampling
  // options out of range, more min_tokens than the answer can have or a drafter that there is not;
  // kResourceExhausted when the prompt leaves no room in the context; kUnavailable when the queue
  // is full or the engine shuts down.
  RequestHandle submit(GenerateRequest request, EventHandler on_event);

  enum class Shutdown {
    kDrain,   // finish every accepted request
    kCancel,  // end them within a step
  };
  // Refuses new requests from now on and returns when all accepted ones have had their FinishEvent.
  // Not from an event handler. Calling it again is harmless; kCancel cuts a kDrain short.
  void shutdown(Shutdown how);

  const ModelConfig& config() const;
  // Requests that are computed together, at most.
  int max_running() const;
  // Tokens that prompt and answer of one request may have together.
  int max_context() const;
  // The cache and the buffers of a step in one line, for the start of a program.
  std::string describe_cache() const;
  EngineStatistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
