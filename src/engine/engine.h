// The engine: one thread that owns a model, its cache and the sequences in flight, and computes one
// step after the other for whatever requests there are. Callers on any thread submit requests and
// hear events; the exchange of the two is the only lock. Nothing a request asks can end the
// process: a fault in a step ends the requests of that step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "engine/request.h"
#include "model/model.h"

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
  // Memory for cached keys and values. 0: what max_running sequences of the longest context need,
  // but at most a quarter of the machine's memory.
  size_t cache_bytes = 0;
  int max_context = 0;      // tokens of prompt and answer; 0: what the model and the cache allow
  int max_running = 1;      // sequences computed together
  int max_queue = 64;       // requests that may wait besides those running
  int prefill_chunk = 256;  // rows of one sequence in one step
  // Called on the engine thread before every step. For tests: it may block, and what it throws
  // counts as a fault of the step.
  std::function<void(const StepInfo&)> before_step = {};
};

struct EngineStatistics {
  int64_t requests = 0;  // accepted by submit
  int64_t refused = 0;   // because the queue was full
  int64_t completed = 0;
  int64_t cancelled = 0;
  int64_t failed = 0;
  int64_t prompt_tokens = 0;  // computed
  int64_t generated_tokens = 0;
  int64_t steps = 0;
  double step_seconds = 0;  // all steps together
  int waiting = 0;
  int running = 0;
  int cache_blocks = 0;
  int cache_blocks_free = 0;
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
  // Throws Error: kInvalidArgument for an empty prompt, ids outside the vocabulary or sampling
  // options out of range; kResourceExhausted when the prompt leaves no room in the context;
  // kUnavailable when the queue is full or the engine shuts down.
  RequestHandle submit(GenerateRequest request, EventHandler on_event);

  enum class Shutdown {
    kDrain,   // finish every accepted request
    kCancel,  // end them within a step
  };
  // Refuses new requests from now on and returns when all accepted ones have had their FinishEvent.
  // Not from an event handler. Calling it again is harmless; kCancel cuts a kDrain short.
  void shutdown(Shutdown how);

  const ModelConfig& config() const;
  // Tokens that prompt and answer of one request may have together.
  int max_context() const;
  EngineStatistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
