// Which rows of which sequences the next step computes. Owns the waiting and the running sequences
// and their blocks in the pool; knows nothing of models, sampling or threads. Belongs to the engine
// thread.
//
// First form: sequences start in order of arrival, at most `max_running` at once, and each takes
// blocks for its whole possible length when it starts, so that nothing that runs is ever preempted.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "cache/block_pool.h"
#include "engine/request.h"
#include "model/cache_layout.h"
#include "model/sequence_cache.h"

namespace hadal {

// A request on its way through the engine.
struct Sequence {
  GenerateRequest request;  // its prompt has moved to `tokens`
  EventHandler on_event;
  std::shared_ptr<std::atomic<bool>> cancelled;
  int prompt_tokens = 0;
  std::vector<int32_t> tokens;  // prompt, then generated; the cache holds the first cache.length
  int token_limit = 0;          // prompt and answer
  SequenceCache cache;
  std::chrono::steady_clock::time_point submitted;
  std::chrono::steady_clock::time_point started;      // its first step; epoch: never
  std::chrono::steady_clock::time_point first_token;  // epoch: none yet

  int generated_tokens() const { return static_cast<int>(tokens.size()) - prompt_tokens; }
};

// Rows [cache.length, cache.length + rows) of a sequence; `samples` when they reach its last known
// token, so that the step's logits choose the next one.
struct ScheduledRows {
  Sequence* sequence = nullptr;
  int rows = 0;
  bool samples = false;
};

struct SchedulerOptions {
  int max_running = 1;
  int prefill_chunk = 256;  // at most this many rows of one sequence in one step
};

class Scheduler {
 public:
  // `layout` and `pool` must outlive the scheduler.
  Scheduler(const CacheLayout& layout, BlockPool& pool, const SchedulerOptions& options);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // The sequence must fit into the empty pool.
  void add(std::unique_ptr<Sequence> sequence);

  // Starts waiting sequences while they fit, and picks the rows of every running one. Empty only
  // when there is nothing to do.
  std::vector<ScheduledRows> next_step();

  // Takes a sequence out, wherever it is, and releases its blocks.
  std::unique_ptr<Sequence> remove(const Sequence& sequence);
  // Takes out every sequence whose `cancelled` flag is set.
  std::vector<std::unique_ptr<Sequence>> remove_cancelled();
  std::vector<std::unique_ptr<Sequence>> remove_all();

  bool idle() const { return waiting_.empty() && running_.empty(); }
  int waiting() const { return static_cast<int>(waiting_.size()); }
  int running() const { return static_cast<int>(running_.size()); }

 private:
  using Sequences = std::deque<std::unique_ptr<Sequence>>;
  std::unique_ptr<Sequence> take(Sequences& from, size_t index);

  const CacheLayout& layout_;
  BlockPool& pool_;
  SchedulerOptions options_;
  Sequences waiting_;
  Sequences running_;
};

}  // namespace hadal
