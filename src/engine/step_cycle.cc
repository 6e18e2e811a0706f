#include "engine/step_cycle.h"

#include <algorithm>

#include "base/as_size.h"

namespace hadal {

StepCycle::StepCycle(Executor& executor, SequenceMemory& memory,
                     const SimulatedAcceptance* simulated)
    : executor_(executor),
      memory_(memory),
      simulated_(simulated),
      samplers_(as_size(executor.host_threads())),
      has_drafter_(executor.drafter().most_drafts > 0) {}

void StepCycle::compute(std::span<const ScheduledRows> scheduled, bool feeds_drafter) {
  write_message(scheduled);
  message_.feeds_drafter = has_drafter_ && feeds_drafter;
  const StepResult& result = executor_.run(message_);
  const int sequences = static_cast<int>(scheduled.size());
  choices_.assign(scheduled.size(), {});
  executor_.for_each(sequences, [&](int index, int thread) {
    choose(scheduled[as_size(index)], result, index, thread);
  });
  commits_.clear();
  for (int i = 0; i < sequences; ++i) {
    const ScheduledRows& rows = scheduled[as_size(i)];
    if (!rows.image_rows.empty() || choices_[as_size(i)].failure) continue;
    commits_.push_back({.sequence = i, .rows = kept_rows(rows, i)});
  }
  executor_.commit(commits_);
  for (const CommitMessage& commit : commits_) {
    advance(scheduled[as_size(commit.sequence)].sequence->cache, commit.rows);
  }
}

// A drafter that is fed has seen every row that is committed.
void StepCycle::advance(SequenceCache& cache, int rows) const {
  cache.length += rows;
  cache.drafter_rows = message_.feeds_drafter ? cache.drafter_rows + rows : 0;
}

void StepCycle::write_message(std::span<const ScheduledRows> scheduled) {
  message_.sequences.resize(scheduled.size());
  for (size_t i = 0; i < scheduled.size(); ++i) {
    const ScheduledRows& rows = scheduled[i];
    const Sequence& sequence = *rows.sequence;
    SequenceRows& out = message_.sequences[i];
    out.cache = sequence.cache;
    const auto first = sequence.tokens.begin() + sequence.cache.length;
    out.tokens.assign(first, first + rows.rows);
    out.tokens.insert(out.tokens.end(), rows.drafts.begin(), rows.drafts.end());
    out.logit_rows = rows.logit_rows;
    out.droppable_rows = rows.droppable_rows();
  }
}

// The first rows with logits tell of the tokens of the prompt that are not known yet.
void StepCycle::score(const ScheduledRows& rows, const StepResult& result, int index,
                      Choice& choice) {
  const Sequence& sequence = *rows.sequence;
  const size_t next = sequence.prompt_logprobs.size() + 1;
  for (int row = 0; row < rows.scored_rows; ++row) {
    const std::span<const float> logits = result.row(index, row);
    check_logits(logits);
    choice.prompt_logprobs.push_back(compute_logprobs(logits, sequence.tokens[next + as_size(row)],
                                                      *sequence.request.prompt_logprobs));
  }
}

// On any thread; touches nothing of other sequences.
void StepCycle::choose(const ScheduledRows& rows, const StepResult& result, int index, int thread) {
  Choice& choice = choices_[as_size(index)];
  Sequence& sequence = *rows.sequence;
  try {
    if (rows.scored_rows > 0) score(rows, result, index, choice);
    if (!rows.samples || sequence.request.prompt_only) return;
    const int first = rows.logit_rows - 1 - rows.draft_rows();
    for (int row = 0;; ++row) {
      const size_t position = sequence.tokens.size() + as_size(row);
      choice.tokens.push_back(samplers_[as_size(thread)].sample(result.row(index, first + row),
                                                                sequence.sampling, position));
      if (row == rows.draft_rows()) return;
      const int32_t draft = rows.drafts[as_size(row)];
      int32_t& token = choice.tokens.back().token;
      if (simulated_ != nullptr) {
        if (!simulated_->keeps(static_cast<uint64_t>(sequence.arrival), position, row,
                               rows.draft_rows())) {
          return;
        }
        token = draft;
      }
      if (token != draft) return;
      const std::vector<int32_t>& ends = sequence.request.stop_tokens;
      if (std::ranges::find(ends, token) != ends.end()) return;
      sequence.sampling.advance(token);
      ++choice.kept_drafts;
    }
  } catch (...) {
    choice.failure = std::current_exception();
  }
}

int StepCycle::kept_rows(const ScheduledRows& rows, int index) const {
  return rows.rows + choices_[as_size(index)].kept_drafts;
}

void StepCycle::finish_commit(const ScheduledRows& rows, int index) {
  Sequence& sequence = *rows.sequence;
  const auto commit = [&](int row_count) {
    const CommitMessage message{.sequence = index, .rows = row_count};
    executor_.commit({&message, 1});
    const int before = message_.sequences[as_size(index)].cache.length;
    advance(sequence.cache, before + row_count - sequence.cache.length);
  };
  for (const int image_rows : rows.image_rows) {
    commit(image_rows);
    memory_.take_image(sequence);
  }
  const int end = message_.sequences[as_size(index)].cache.length + kept_rows(rows, index);
  if (sequence.cache.length < end) commit(kept_rows(rows, index));
  const auto kept = rows.drafts.begin() + choices_[as_size(index)].kept_drafts;
  sequence.tokens.insert(sequence.tokens.end(), rows.drafts.begin(), kept);
  memory_.committed(sequence);
}

}  // namespace hadal
