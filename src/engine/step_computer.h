// Computes the steps that the scheduler composed: plans, forward passes, the next token of each
// sequence, and the commit of what was computed. Decides which threads compute what; whatever it
// decides, the results are the same to the last bit.
#pragma once

#include <cstdint>
#include <exception>
#include <map>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "engine/faster_way.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "engine/sequence_memory.h"
#include "model/model.h"
#include "model/v4/step.h"

namespace hadal {

// Sequences [begin, end) of a step.
struct SequenceRange {
  int begin = 0;
  int end = 0;

  friend bool operator==(const SequenceRange&, const SequenceRange&) = default;
};

// Deals the sequences of a step, in their order, to at most `threads` threads so that all have
// about as many rows. Nothing where that cannot be done, or where a single sequence has many.
std::vector<SequenceRange> deal_sequences(std::span<const ScheduledRows> scheduled, int threads);

// The next token of a sequence of the step, or why there is none.
struct Choice {
  SampledToken sampled;
  std::exception_ptr failure;
};

class StepComputer {
 public:
  // All must outlive the computer. `deals`: threads may compute sequences of their own, which reads
  // the weights once per thread instead of having the threads meet at every operation. Whether they
  // do is learned from how long steps take in both ways.
  StepComputer(Model& model, ThreadPool& threads, SequenceMemory& memory, bool deals);

  // Computes all rows, chooses the next tokens of sequences that sample, and commits what touches
  // no memory of others. What it throws concerns all sequences of the step.
  void compute(const std::vector<ScheduledRows>& scheduled);

  // Of sequence `index` of the step that was computed last.
  Choice& choice(int index) { return choices_[static_cast<size_t>(index)]; }
  // The rest of the commit of sequence `index`, which must have no failure.
  void finish_commit(const ScheduledRows& rows, int index);

  // Steps whose sequences were dealt to threads.
  int64_t dealt_steps() const { return dealt_steps_; }

 private:
  // The sequences that are computed together.
  struct Part {
    SequenceRange range;
    StepPlan plan;
    Step step;
  };

  void compute_dealt(const std::vector<ScheduledRows>& scheduled,
                     std::span<const SequenceRange> ranges);
  void compute_together(const std::vector<ScheduledRows>& scheduled);
  void set_parts(const std::vector<ScheduledRows>& scheduled,
                 std::span<const SequenceRange> ranges);
  void make_plan(const std::vector<ScheduledRows>& scheduled, Part& part) const;
  void choose_and_commit(const ScheduledRows& rows, int index, int thread);

  Model& model_;
  ThreadPool& threads_;
  SequenceMemory& memory_;
  const bool deals_;
  std::vector<Sampler> samplers_;  // [threads]
  std::vector<Part> parts_;        // [threads]; a step uses the first of them
  std::map<int, FasterWay> ways_;  // by the size of the step; 1 is to deal
  std::vector<int> part_of_;       // [sequences of the step]
  std::vector<int> logit_row_;     // [sequences of the step], within the part; -1: samples nothing
  std::vector<Choice> choices_;    // [sequences of the step]
  int64_t dealt_steps_ = 0;
};

}  // namespace hadal
