#include "engine/step_computer.h"

#include <algorithm>
#include <bit>
#include <chrono>

#include "base/as_size.h"
#include "engine/commit_rows.h"
#include "model/batch.h"

namespace hadal {
namespace {

int rows_in(std::span<const ScheduledRows> scheduled) {
  int rows = 0;
  for (const ScheduledRows& sequence : scheduled) rows += sequence.rows;
  return rows;
}

}  // namespace

std::vector<SequenceRange> deal_sequences(std::span<const ScheduledRows> scheduled, int threads) {
  // Beyond these dealing is not even tried. Both are judged, not measured: a thread that has more
  // than this above its share keeps the others waiting, and one with more rows of a single sequence
  // has work enough to share.
  constexpr double kMostImbalance = 1.25;
  constexpr int kMostRowsAlone = 8;
  const int sequences = static_cast<int>(scheduled.size());
  const int parts = std::min(threads, sequences);
  const int rows = rows_in(scheduled);
  if (threads == 1 || parts == 0 || (parts == 1 && rows > kMostRowsAlone)) return {};

  const int share = (rows + parts - 1) / parts;
  std::vector<SequenceRange> dealt;
  int next = 0;
  int rows_before = 0;
  for (int part = 0; part < parts; ++part) {
    // Whole sequences up to where the rows of all parts so far come closest to their share, at
    // least one, and one is left for each part to come.
    const double goal = static_cast<double>(rows) * (part + 1) / parts;
    SequenceRange range{.begin = next, .end = next};
    int part_rows = 0;
    while (range.end < sequences - (parts - 1 - part)) {
      const int more = scheduled[as_size(range.end)].rows;
      const bool last_part = part == parts - 1;
      if (!last_part && range.end > range.begin && rows_before + part_rows + more / 2.0 > goal) {
        break;
      }
      part_rows += more;
      ++range.end;
    }
    if (part_rows > kMostImbalance * share) return {};
    dealt.push_back(range);
    next = range.end;
    rows_before += part_rows;
  }
  return dealt;
}

StepComputer::StepComputer(Model& model, ThreadPool& threads, SequenceMemory& memory, bool deals)
    : model_(model),
      threads_(threads),
      memory_(memory),
      deals_(deals),
      samplers_(as_size(threads.threads())),
      parts_(as_size(threads.threads())) {}

void StepComputer::compute(const std::vector<ScheduledRows>& scheduled) {
  choices_.assign(scheduled.size(), {});
  std::vector<SequenceRange> ranges;
  if (deals_) ranges = deal_sequences(scheduled, threads_.threads());
  if (ranges.empty()) return compute_together(scheduled);
  // Steps of about as many rows take about as long.
  const auto rows = static_cast<unsigned>(rows_in(scheduled));
  FasterWay& ways = ways_[2 * std::bit_width(rows) + (ranges.size() > 1 ? 1 : 0)];
  const int way = ways.choose();
  const auto begin = std::chrono::steady_clock::now();
  if (way == 1) {
    compute_dealt(scheduled, ranges);
  } else {
    compute_together(scheduled);
  }
  const auto time = std::chrono::steady_clock::now() - begin;
  ways.measured(way, std::chrono::duration<double>(time).count());
}

void StepComputer::set_parts(const std::vector<ScheduledRows>& scheduled,
                             std::span<const SequenceRange> ranges) {
  part_of_.resize(scheduled.size());
  logit_row_.resize(scheduled.size());
  for (size_t p = 0; p < ranges.size(); ++p) {
    parts_[p].range = ranges[p];
    int logit_row = 0;
    for (int i = ranges[p].begin; i < ranges[p].end; ++i) {
      part_of_[as_size(i)] = static_cast<int>(p);
      logit_row_[as_size(i)] = scheduled[as_size(i)].samples ? logit_row++ : -1;
    }
  }
}

void StepComputer::compute_dealt(const std::vector<ScheduledRows>& scheduled,
                                 std::span<const SequenceRange> ranges) {
  ++dealt_steps_;
  set_parts(scheduled, ranges);
  threads_.parallel_for(static_cast<int>(ranges.size()), 1, [&](int begin, int end, int thread) {
    for (int p = begin; p < end; ++p) {
      Part& part = parts_[as_size(p)];
      make_plan(scheduled, part);
      model_.forward_on_thread(thread, part.plan, memory_.pool().view(), part.step);
      for (int i = part.range.begin; i < part.range.end; ++i) {
        choose_and_commit(scheduled[as_size(i)], i, thread);
      }
    }
  });
}

void StepComputer::compute_together(const std::vector<ScheduledRows>& scheduled) {
  const int sequences = static_cast<int>(scheduled.size());
  const SequenceRange all{.begin = 0, .end = sequences};
  set_parts(scheduled, {&all, 1});
  Part& part = parts_.front();
  make_plan(scheduled, part);
  model_.forward(part.plan, memory_.pool().view(), part.step);
  threads_.parallel_for(sequences, 1, [&](int begin, int end, int thread) {
    for (int i = begin; i < end; ++i) choose_and_commit(scheduled[as_size(i)], i, thread);
  });
}

void StepComputer::make_plan(const std::vector<ScheduledRows>& scheduled, Part& part) const {
  std::vector<BatchEntry> batch;
  for (int i = part.range.begin; i < part.range.end; ++i) {
    const ScheduledRows& rows = scheduled[as_size(i)];
    const Sequence& sequence = *rows.sequence;
    batch.push_back(
        {.cache = &sequence.cache,
         .tokens =
             std::span(sequence.tokens).subspan(as_size(sequence.cache.length), as_size(rows.rows)),
         .logit_rows = rows.samples ? 1 : 0,
         .droppable_rows = rows.droppable_rows()});
  }
  part.plan = make_step_plan(batch, model_.cache_layout());
}

// On any thread; touches nothing of other sequences.
void StepComputer::choose_and_commit(const ScheduledRows& rows, int index, int thread) {
  const Part& part = parts_[as_size(part_of_[as_size(index)])];
  Choice& choice = choices_[as_size(index)];
  try {
    if (rows.samples) {
      const size_t vocab = as_size(model_.config().vocab_size);
      const float* logits = part.step.logits.data() + vocab * as_size(logit_row_[as_size(index)]);
      choice.sampled = samplers_[as_size(thread)].sample({logits, vocab}, rows.sequence->sampling,
                                                         rows.sequence->tokens.size());
    }
    commit_own_blocks(model_, part.plan, index - part.range.begin, rows, part.step, memory_);
  } catch (...) {
    choice.failure = std::current_exception();
  }
}

void StepComputer::finish_commit(const ScheduledRows& rows, int index) {
  const Part& part = parts_[as_size(part_of_[as_size(index)])];
  commit_rows(model_, part.plan, index - part.range.begin, rows, part.step, memory_);
}

}  // namespace hadal
