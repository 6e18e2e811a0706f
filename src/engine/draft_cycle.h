// The guesses of the model's drafter for sequences of the step computed last: token by token, each
// chosen from the drafter's logits as the sampler would choose it from the model's. Leaves nothing
// behind but the guesses.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/executor.h"
#include "engine/sampler.h"
#include "engine/sequence.h"
#include "engine/step_message.h"

namespace hadal {

struct DraftTask {
  Sequence* sequence = nullptr;  // its rows of the step are committed, its next token is known
  int index = 0;                 // in the step
  size_t target = 0;             // the caller's own number for it
  int wanted = 0;                // guesses, at least 1
  // The outcome: at most `wanted`, fewer after a stop token and where a choice failed.
  std::vector<int32_t> drafts = {};
  std::vector<float> confidence = {};  // of each, where the drafter tells
  int advanced = 0;  // how many of them the sampling state has tried; 0 in the end
};

class DraftCycle {
 public:
  explicit DraftCycle(Executor& executor);

  // Fills the outcomes; the sequences are in the order of the step. Returns how often the drafter
  // was asked. What it throws leaves the sequences as they were.
  int run(std::span<DraftTask> tasks);

 private:
  int guess(std::span<DraftTask> tasks);
  static void take_back(std::span<DraftTask> tasks);
  void choose(DraftTask& task, const DraftResult& result, int row, int thread);

  Executor& executor_;
  std::vector<Sampler> samplers_;  // [host threads]
  DraftMessage message_;
  std::vector<DraftTask*> guessing_;  // [rows of the message]
};

}  // namespace hadal
