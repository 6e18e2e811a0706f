// Which rows of which sequences the next step computes. Owns the sequences that wait and those that
// run; knows nothing of models, sampling or threads. Belongs to the engine thread.
//
// Every running sequence that decodes is in every step that has memory for it, with drafts if it
// has a drafter; prefills fill the rest of the step up to a budget of predicted milliseconds, the
// oldest at least half of it and the shortest the other half, so that neither waits for the other.
// Sequences start in the order of priority and arrival. When memory runs out the last in that order
// makes way and starts again before any that comes after it. Its memory comes free as its state
// reaches the disk; who needs it sits out steps until then, and the others go on.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/drafter.h"
#include "engine/sequence.h"
#include "engine/sequence_memory.h"
#include "engine/step_cost.h"

namespace hadal {

// Rows [cache.length, cache.length + rows) of a sequence; `samples` when they reach its last known
// token, so that the step's logits choose the next one.
struct ScheduledRows {
  Sequence* sequence = nullptr;
  int rows = 0;  // of known tokens
  bool samples = false;
  // Guesses of the tokens that follow, a row each, checked in the same step. Only where it samples.
  std::vector<int32_t> drafts = {};
  // How many rows tell the log-probabilities of tokens of the prompt: the last known one may follow
  // them, which samples.
  int scored_rows = 0;
  int logit_rows = 0;  // of the last rows, drafts included
  // How many of the rows are committed before an image is taken, ascending; the last may be `rows`.
  std::vector<int> image_rows = {};

  // The step does without them.
  void drop_drafts() {
    logit_rows -= draft_rows();
    drafts.clear();
  }

  int draft_rows() const { return static_cast<int>(drafts.size()); }
  int all_rows() const { return rows + draft_rows(); }
  // How many of the last rows the commit may leave out, for that and for drafts.
  int droppable_rows() const {
    return image_rows.empty() ? draft_rows() : all_rows() - image_rows.front();
  }
};

struct SchedulerOptions {
  int max_running = 16;
  int prefill_rows = 512;       // of all prefills together in one step, at most
  double budget_seconds = 0.5;  // of a step with prefills
  ExpertCounts experts = {};    // of the model, for the cost of rows
};

struct SchedulerStatistics {
  int64_t preemptions = 0;
  int64_t recomputed_tokens = 0;  // computed before and lost with a preemption
};

class Scheduler {
 public:
  // Images within so many rows before the end of a chunk are taken by committing it in stages: the
  // rows from there on are held beside the step. Others end their chunk.
  static constexpr int kStagedRows = 32;
  // Of all sequences of a step together, so that its buffers need no more.
  static constexpr int kMostStagedRows = 2 * kStagedRows;

  // Of the prompts whose log-probabilities are asked for, in one step: the logits of a row take
  // memory.
  static constexpr int kMostScoredRows = 64;

  // Both must outlive the scheduler.
  Scheduler(SequenceMemory& memory, Drafter& drafter, const SchedulerOptions& options);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // The sequence must fit into the empty pool.
  void add(std::unique_ptr<Sequence> sequence);

  // Starts waiting sequences while they fit, and picks the rows of running ones, which have memory
  // for them then. Empty only when there is nothing to do. The rows must be computed and
  // committed, or their sequences removed, before the next call.
  std::vector<ScheduledRows> next_step();

  // What a step of these rows is, for its cost.
  static StepShape shape_of(const std::vector<ScheduledRows>& step);
  // Which part of what the step takes each of its sequences causes, in their order; they add up to
  // 1. Before the step is measured.
  void divide(const std::vector<ScheduledRows>& step, std::vector<double>& parts) const;
  // What it took.
  void measured(const StepShape& shape, double seconds) { cost_.observe(shape, seconds); }
  double predict(const StepShape& shape) const { return cost_.predict(shape); }
  const StepCost& cost() const { return cost_; }

  // Lets the running sequence that comes last make way. False when none runs. Not between
  // next_step() and the end of that step.
  bool preempt_last();

  // Takes a sequence out, wherever it is, and releases its memory; with `keep` its state stays for
  // requests that begin as it did.
  std::unique_ptr<Sequence> remove(const Sequence& sequence, bool keep);
  // Takes out every sequence whose `cancelled` flag is set, or whose deadline has passed.
  std::vector<std::unique_ptr<Sequence>> remove_cancelled();
  std::vector<std::unique_ptr<Sequence>> remove_expired(std::chrono::steady_clock::time_point now);
  std::vector<std::unique_ptr<Sequence>> remove_all();

  bool idle() const { return waiting_.empty() && running_.empty(); }
  int waiting() const { return static_cast<int>(waiting_.size()); }
  int running() const { return static_cast<int>(running_.size()); }
  const SchedulerStatistics& statistics() const { return statistics_; }

 private:
  using Sequences = std::vector<std::unique_ptr<Sequence>>;

  void start_waiting();
  int claimed_blocks() const;
  void start_alone();
  void start(size_t waiting_index);
  std::vector<ScheduledRows> pick_rows() const;
  std::vector<int> share_prefill(const std::vector<const Sequence*>& prefills,
                                 double seconds) const;
  ScheduledRows cut(Sequence& sequence, int rows, int& staged_left) const;
  void add_drafts(ScheduledRows& rows) const;
  void make_room(std::vector<ScheduledRows>& step);
  SequenceMemory::Growth find_room(Sequence& sequence, int tokens, int& promised);
  bool unload_behind(const Sequence& sequence);
  void settle_all();
  std::unique_ptr<Sequence> take(Sequences& from, size_t index, bool keep);
  template <typename Predicate>
  std::vector<std::unique_ptr<Sequence>> remove_if(const Predicate& predicate);

  SequenceMemory& memory_;
  Drafter& drafter_;
  const SchedulerOptions options_;
  StepCost cost_;
  Sequences waiting_;  // both in the order of outranks()
  Sequences running_;
  int64_t arrivals_ = 0;
  SchedulerStatistics statistics_;
};

}  // namespace hadal
