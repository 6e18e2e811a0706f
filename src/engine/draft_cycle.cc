#include "engine/draft_cycle.h"

#include <algorithm>
#include <utility>

#include "base/as_size.h"

namespace hadal {

DraftCycle::DraftCycle(Executor& executor)
    : executor_(executor), samplers_(as_size(executor.host_threads())) {}

int DraftCycle::run(std::span<DraftTask> tasks) {
  int asked = 0;
  try {
    asked = guess(tasks);
  } catch (...) {
    take_back(tasks);
    throw;
  }
  take_back(tasks);
  return asked;
}

// What was tried: the sampling state follows the answer alone.
void DraftCycle::take_back(std::span<DraftTask> tasks) {
  for (DraftTask& task : tasks) {
    task.sequence->sampling.rollback(std::exchange(task.advanced, 0));
  }
}

int DraftCycle::guess(std::span<DraftTask> tasks) {
  guessing_.clear();
  for (DraftTask& task : tasks) guessing_.push_back(&task);
  message_.begins = true;
  int asked = 0;
  while (!guessing_.empty()) {
    message_.rows.clear();
    for (const DraftTask* task : guessing_) {
      const int32_t last =
          task->drafts.empty() ? task->sequence->tokens.back() : task->drafts.back();
      message_.rows.push_back({.sequence = task->index, .token = last});
    }
    const DraftResult& result = executor_.draft(message_);
    ++asked;
    message_.begins = false;
    executor_.for_each(static_cast<int>(guessing_.size()), [&](int row, int thread) {
      choose(*guessing_[as_size(row)], result, row, thread);
    });
    std::erase_if(guessing_, [](const DraftTask* task) {
      return static_cast<int>(task->drafts.size()) >= task->wanted;
    });
  }
  return asked;
}

// On any thread; touches nothing of other sequences.
void DraftCycle::choose(DraftTask& task, const DraftResult& result, int row, int thread) {
  Sequence& sequence = *task.sequence;
  try {
    const size_t position = sequence.tokens.size() + task.drafts.size();
    const int32_t token =
        samplers_[as_size(thread)].choose(result.logits[as_size(row)], sequence.sampling, position);
    const std::vector<int32_t>& ends = sequence.request.stop_tokens;
    const bool ends_answer = std::ranges::find(ends, token) != ends.end();
    // A stop token is no part of the answer that constraints hear of: nothing is guessed after it,
    // and its own advance is not needed.
    if (ends_answer) {
      task.wanted = 0;
    } else {
      sequence.sampling.advance(token);
      ++task.advanced;
    }
    task.drafts.push_back(token);
    if (!result.confidence.empty()) task.confidence.push_back(result.confidence[as_size(row)]);
  } catch (...) {
    task.wanted = 0;  // without a guess the step will tell what is wrong, if anything is
  }
}

}  // namespace hadal
