// Computes steps on this process's threads. How it shares the work among them is its own affair:
// either all threads work on every operation together, or each takes sequences of its own, which
// reads the weights once per thread instead of having the threads meet at every operation. Which is
// faster it learns from how long steps take; the results are the same to the last bit.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "cache/sequence_cache.h"
#include "engine/executor.h"
#include "engine/faster_way.h"
#include "model/batch.h"
#include "model/model.h"

namespace hadal {

// Sequences [begin, end) of a step.
struct SequenceRange {
  int begin = 0;
  int end = 0;

  friend bool operator==(const SequenceRange&, const SequenceRange&) = default;
};

// Deals the sequences of a step, in their order, to at most `threads` threads so that all have
// about as many rows: `dealt`, which is empty where that cannot be done, or where a single sequence
// has many. `rows`: of each sequence.
void deal_sequences(std::span<const int> rows, int threads, std::vector<SequenceRange>& dealt);

// The largest step that one of `threads` threads computes alone where steps within `limits` are
// dealt.
StepLimits dealt_limits(const StepLimits& limits, int threads);

struct LocalExecutorOptions {
  StepLimits limits = {};  // of the largest step, whose buffers are taken at once
  bool deals = false;      // threads may take sequences of their own
};

class LocalExecutor final : public Executor {
 public:
  LocalExecutor(std::unique_ptr<ThreadPool> threads, std::unique_ptr<const Model> model,
                const LocalExecutorOptions& options);

  const Model& model() const { return *model_; }
  // Binds the threads to processors; the calling one is the only one to use the executor from now
  // on.
  void pin() { threads_->pin(); }
  // The memory that the ids in messages refer to; it must outlive its use. Before the first step.
  void use_pool(const CachePoolView& pool) { pool_ = pool; }

  const CacheGeometry& geometry() const override { return model_->geometry(); }
  int vocab_size() const override { return model_->vocab_size(); }
  const StepResult& run(const StepMessage& message) override;
  void commit(std::span<const CommitMessage> messages) override;
  ModelDrafter drafter() const override;
  const DraftResult& draft(const DraftMessage& message) override;
  size_t step_buffer_bytes() const override;
  int host_threads() const override { return threads_->threads(); }
  void for_each(int items, FunctionRef<void(int item, int thread)> body) override;

  // Steps whose sequences were dealt to threads.
  int64_t dealt_steps() const { return dealt_steps_; }

 private:
  // Sequences that are computed together, and the buffers for that.
  struct Part {
    SequenceRange range = {};
    std::unique_ptr<ModelPass> pass;
    StepPlanner planner = {};
    std::vector<BatchEntry> batch = {};
    // Of its sequences that guess, in their order: which of the step's they are, from where the
    // guesses began, and the rows of the message at hand.
    std::vector<int> guessing = {};
    std::vector<DraftStart> starts = {};
    std::vector<DraftStep> steps = {};
    std::vector<int> rows = {};
  };

  void deal();
  void compute_part(const StepMessage& message, Part& part);
  void compute_dealt(const StepMessage& message);
  void compute_together(const StepMessage& message);
  void draft_part(const DraftMessage& message, Part& part);
  void collect_logits(const StepMessage& message, Part& part);

  const std::unique_ptr<ThreadPool> threads_;
  const std::unique_ptr<const Model> model_;
  const LocalExecutorOptions options_;
  CachePoolView pool_;
  Part together_;
  // [threads] where sequences may be dealt, each computing on one thread.
  std::vector<std::unique_ptr<ThreadPool>> alone_;
  std::vector<Part> dealt_;
  std::vector<int> rows_;              // [sequences of the step]
  std::vector<SequenceRange> ranges_;  // of the step, where it is dealt
  // By the bits of the number of rows, and whether there is more than one part; 1 is to deal.
  std::array<FasterWay, size_t{2 * 33}> ways_;
  std::vector<Part*> part_of_;  // [sequences of the step]
  std::vector<int> committed_;  // [sequences of the step]: rows of it
  StepResult result_;
  DraftResult drafts_;
  std::vector<Part*> drafting_;  // the parts of the draft message at hand
  int64_t dealt_steps_ = 0;
};

}  // namespace hadal
