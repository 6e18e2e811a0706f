#include "engine/local_executor.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <numeric>
#include <utility>

#include "base/as_size.h"
#include "base/check.h"

namespace hadal {
namespace {

// A thread that has more than this above its share of the rows keeps the others waiting. Judged,
// not measured.
constexpr double kMostImbalance = 1.25;

int rows_of_sequence(const SequenceRows& rows) { return static_cast<int>(rows.tokens.size()); }

}  // namespace

void deal_sequences(std::span<const int> rows, int threads, std::vector<SequenceRange>& dealt) {
  dealt.clear();
  // A sequence with more rows has work enough to share. Judged, not measured.
  constexpr int kMostRowsAlone = 8;
  const int sequences = static_cast<int>(rows.size());
  const int parts = std::min(threads, sequences);
  const int all_rows = std::accumulate(rows.begin(), rows.end(), 0);
  if (threads == 1 || parts == 0 || (parts == 1 && all_rows > kMostRowsAlone)) return;

  const int share = (all_rows + parts - 1) / parts;
  int next = 0;
  int rows_before = 0;
  for (int part = 0; part < parts; ++part) {
    // Whole sequences up to where the rows of all parts so far come closest to their share, at
    // least one, and one is left for each part to come.
    const double goal = static_cast<double>(all_rows) * (part + 1) / parts;
    SequenceRange range{.begin = next, .end = next};
    int part_rows = 0;
    while (range.end < sequences - (parts - 1 - part)) {
      const int more = rows[as_size(range.end)];
      const bool last_part = part == parts - 1;
      if (!last_part && range.end > range.begin && rows_before + part_rows + more / 2.0 > goal) {
        break;
      }
      part_rows += more;
      ++range.end;
    }
    if (part_rows > kMostImbalance * share) return dealt.clear();
    dealt.push_back(range);
    next = range.end;
    rows_before += part_rows;
  }
}

StepLimits dealt_limits(const StepLimits& limits, int threads) {
  // A thread never has more rows of a step that is dealt.
  const int share = (limits.rows + threads - 1) / threads;
  const int rows = std::min(limits.rows, static_cast<int>(kMostImbalance * share) + 1);
  return {.rows = rows,
          .sequences = std::min(limits.sequences, rows),
          .logit_rows = std::min(limits.logit_rows, rows),
          .droppable_rows = std::min(limits.droppable_rows, rows),
          .drafts = limits.drafts};
}

LocalExecutor::LocalExecutor(std::unique_ptr<ThreadPool> threads,
                             std::unique_ptr<const Model> model,
                             const LocalExecutorOptions& options)
    : threads_(std::move(threads)), model_(std::move(model)), options_(options) {
  together_.pass = model_->make_pass(*threads_);
  together_.pass->reserve(options.limits);
  if (!options.deals) return;
  const StepLimits limits = dealt_limits(options.limits, threads_->threads());
  for (int thread = 0; thread < threads_->threads(); ++thread) {
    alone_.push_back(std::make_unique<ThreadPool>(1));
    dealt_.push_back({.pass = model_->make_pass(*alone_.back())});
    dealt_.back().pass->reserve(limits);
  }
}

size_t LocalExecutor::step_buffer_bytes() const {
  size_t bytes = together_.pass->memory_bytes();
  for (const Part& part : dealt_) bytes += part.pass->memory_bytes();
  return bytes;
}

void LocalExecutor::deal() {
  ranges_.clear();
  if (!options_.deals) return;
  deal_sequences(rows_, threads_->threads(), ranges_);
  const int most = dealt_limits(options_.limits, threads_->threads()).rows;
  for (const SequenceRange& range : ranges_) {
    const auto first = rows_.begin();
    if (std::accumulate(first + range.begin, first + range.end, 0) > most) return ranges_.clear();
  }
}

const StepResult& LocalExecutor::run(const StepMessage& message) {
  result_.vocab_size = vocab_size();
  result_.logits.assign(message.sequences.size(), {});
  part_of_.assign(message.sequences.size(), nullptr);
  committed_.assign(message.sequences.size(), 0);
  rows_.resize(message.sequences.size());
  std::ranges::transform(message.sequences, rows_.begin(), rows_of_sequence);
  deal();
  if (ranges_.empty()) {
    compute_together(message);
    return result_;
  }
  // Steps of about as many rows take about as long.
  const auto rows = static_cast<unsigned>(std::accumulate(rows_.begin(), rows_.end(), 0));
  FasterWay& ways = ways_[as_size(2 * std::bit_width(rows)) + (ranges_.size() > 1 ? 1 : 0)];
  const int way = ways.choose();
  const auto begin = std::chrono::steady_clock::now();
  if (way == 1) {
    compute_dealt(message);
  } else {
    compute_together(message);
  }
  const auto time = std::chrono::steady_clock::now() - begin;
  ways.measured(way, std::chrono::duration<double>(time).count());
  return result_;
}

void LocalExecutor::compute_part(const StepMessage& message, Part& part) {
  part.batch.clear();
  for (int i = part.range.begin; i < part.range.end; ++i) {
    const SequenceRows& rows = message.sequences[as_size(i)];
    part.batch.push_back({.cache = &rows.cache,
                          .tokens = rows.tokens,
                          .logit_rows = rows.logit_rows,
                          .droppable_rows = rows.droppable_rows});
  }
  part.planner.plan(part.batch, {.geometry = model_->geometry(),
                                 .ratios = model_->compression_ratios(),
                                 .feeds_drafter = message.feeds_drafter});
  part.pass->forward(part.planner.plan(), pool_);
}

void LocalExecutor::compute_dealt(const StepMessage& message) {
  ++dealt_steps_;
  threads_->parallel_for(static_cast<int>(ranges_.size()), 1, [&](int begin, int end, int) {
    for (int i = begin; i < end; ++i) {
      Part& part = dealt_[as_size(i)];
      part.range = ranges_[as_size(i)];
      compute_part(message, part);
    }
  });
  for (size_t i = 0; i < ranges_.size(); ++i) collect_logits(message, dealt_[i]);
}

void LocalExecutor::compute_together(const StepMessage& message) {
  together_.range = {.begin = 0, .end = static_cast<int>(message.sequences.size())};
  compute_part(message, together_);
  collect_logits(message, together_);
}

void LocalExecutor::collect_logits(const StepMessage& message, Part& part) {
  std::span<const float> logits = part.pass->logits();
  for (int i = part.range.begin; i < part.range.end; ++i) {
    part_of_[as_size(i)] = &part;
    const size_t floats =
        as_size(message.sequences[as_size(i)].logit_rows) * as_size(result_.vocab_size);
    result_.logits[as_size(i)] = logits.first(floats);
    logits = logits.subspan(floats);
  }
}

void LocalExecutor::commit(std::span<const CommitMessage> messages) {
  for_each(static_cast<int>(messages.size()), [&](int i, int) {
    const CommitMessage& message = messages[as_size(i)];
    const size_t sequence = as_size(message.sequence);
    HADAL_CHECK(sequence < part_of_.size() && message.rows >= committed_[sequence]);
    const Part& part = *part_of_[sequence];
    part.pass->commit(part.planner.plan(), message.sequence - part.range.begin,
                      committed_[sequence], message.rows, pool_);
    committed_[sequence] = message.rows;
  });
}

ModelDrafter LocalExecutor::drafter() const {
  return options_.limits.drafts > 0 ? model_->drafter() : ModelDrafter{};
}

const DraftResult& LocalExecutor::draft(const DraftMessage& message) {
  HADAL_CHECK(options_.limits.drafts > 0 && !message.rows.empty());
  drafts_.logits.assign(message.rows.size(), {});
  drafts_.confidence.assign(model_->drafter().tells_confidence ? message.rows.size() : 0, 0);
  drafting_.clear();
  for (const DraftRow& row : message.rows) {
    Part* const part = part_of_[as_size(row.sequence)];
    if (drafting_.empty() || drafting_.back() != part) {
      drafting_.push_back(part);
      part->rows.clear();
    }
    part->rows.push_back(static_cast<int>(&row - message.rows.data()));
  }
  if (drafting_.front() == &together_) {
    draft_part(message, together_);
  } else {
    threads_->parallel_for(static_cast<int>(drafting_.size()), 1, [&](int begin, int end, int) {
      for (int i = begin; i < end; ++i) draft_part(message, *drafting_[as_size(i)]);
    });
  }
  return drafts_;
}

void LocalExecutor::draft_part(const DraftMessage& message, Part& part) {
  if (message.begins) {
    part.guessing.clear();
    part.starts.clear();
    for (const int index : part.rows) {
      const DraftRow& row = message.rows[as_size(index)];
      part.guessing.push_back(row.sequence);
      part.starts.push_back({.sequence = row.sequence - part.range.begin,
                             .rows = committed_[as_size(row.sequence)],
                             .token = row.token});
    }
    part.pass->begin_drafts(part.planner.plan(), pool_, part.starts);
  } else {
    part.steps.clear();
    for (const int index : part.rows) {
      const DraftRow& row = message.rows[as_size(index)];
      const auto place = std::ranges::find(part.guessing, row.sequence);
      HADAL_CHECK(place != part.guessing.end());
      part.steps.push_back(
          {.draft = static_cast<int>(place - part.guessing.begin()), .token = row.token});
    }
    part.pass->continue_drafts(part.steps);
  }
  const size_t vocab = as_size(vocab_size());
  for (size_t i = 0; i < part.rows.size(); ++i) {
    const size_t row = as_size(part.rows[i]);
    drafts_.logits[row] = part.pass->draft_logits().subspan(i * vocab, vocab);
    if (!drafts_.confidence.empty()) drafts_.confidence[row] = part.pass->draft_confidence()[i];
  }
}

void LocalExecutor::for_each(int items, FunctionRef<void(int item, int thread)> body) {
  if (items == 1) return body(0, 0);
  threads_->parallel_for(items, 1, [&](int begin, int end, int thread) {
    for (int item = begin; item < end; ++item) body(item, thread);
  });
}

}  // namespace hadal
