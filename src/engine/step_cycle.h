// One step from the rows that the scheduler picked to the tokens they gave: the message to the
// executor, the next tokens of each sequence with drafts checked against what is sampled, and the
// commit of what stays. Knows neither the model nor who computes it.
#pragma once

#include <cstdint>
#include <exception>
#include <span>
#include <vector>

#include "engine/executor.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "engine/sequence_memory.h"
#include "engine/simulated_acceptance.h"
#include "engine/step_message.h"

namespace hadal {

// What a step gave a sequence, or why it gave nothing.
struct Choice {
  // In order: those drafts that were sampled as well, then one token more. Empty where the sequence
  // samples nothing yet.
  std::vector<SampledToken> tokens = {};
  int kept_drafts = 0;
  // Of further tokens of the prompt, where they are asked for.
  std::vector<TokenLogprobs> prompt_logprobs = {};
  std::exception_ptr failure = {};
};

class StepCycle {
 public:
  // All must outlive the cycle. With `simulated` drafts are kept as it says.
  StepCycle(Executor& executor, SequenceMemory& memory,
            const SimulatedAcceptance* simulated = nullptr);

  // Computes all rows, chooses the next tokens of the sequences that sample, and commits what
  // touches no memory of others. The sampling state of each has advanced over all its new tokens
  // but the last. What it throws concerns all sequences of the step. `feeds_drafter`: where the
  // executor has one; otherwise it knows nothing of these sequences afterwards.
  void compute(std::span<const ScheduledRows> scheduled, bool feeds_drafter = true);

  // Of sequence `index` of the step that was computed last.
  Choice& choice(int index) { return choices_[static_cast<size_t>(index)]; }
  // The rest of the commit of sequence `index`, which must have no failure: images on the way, the
  // drafts that were kept become tokens of the sequence, and pages that became full are shared.
  void finish_commit(const ScheduledRows& rows, int index);

 private:
  void write_message(std::span<const ScheduledRows> scheduled);
  static void score(const ScheduledRows& rows, const StepResult& result, int index, Choice& choice);
  void choose(const ScheduledRows& rows, const StepResult& result, int index, int thread);
  // Rows of the sequence that stay.
  int kept_rows(const ScheduledRows& rows, int index) const;
  void advance(SequenceCache& cache, int rows) const;

  Executor& executor_;
  SequenceMemory& memory_;
  const SimulatedAcceptance* const simulated_;
  std::vector<Sampler> samplers_;  // [host threads]
  const bool has_drafter_;
  StepMessage message_;          // used again from step to step
  std::vector<Choice> choices_;  // [sequences of the step]
  std::vector<CommitMessage> commits_;
};

}  // namespace hadal
