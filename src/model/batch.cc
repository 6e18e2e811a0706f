#include "model/batch.h"

#include <algorithm>
#include <bit>

#include "base/as_size.h"
#include "base/check.h"
#include "base/memory_cutter.h"

namespace hadal {
namespace {

// How large the arrays of a plan are; known before any of them is written.
struct PlanSizes {
  size_t rows = 0;
  size_t sequences = 0;
  size_t pages = 0;
  size_t state_units = 0;
  size_t logit_rows = 0;
};

PlanSizes sizes_of(std::span<const BatchEntry> batch, const StepPlanArgs& args) {
  PlanSizes sizes{.sequences = batch.size()};
  for (const BatchEntry& entry : batch) {
    const int rows = static_cast<int>(entry.tokens.size());
    HADAL_CHECK(rows > 0);
    HADAL_CHECK(entry.logit_rows >= 0 && entry.logit_rows <= rows);
    HADAL_CHECK(entry.droppable_rows >= 0 && entry.droppable_rows <= rows);
    HADAL_CHECK(static_cast<int>(entry.cache->state_units.size()) == args.geometry.state_units);
    HADAL_CHECK(args.geometry.pages_for(entry.cache->length + rows) <=
                static_cast<int>(entry.cache->pages.size()));
    sizes.rows += entry.tokens.size();
    sizes.pages += entry.cache->pages.size();
    sizes.state_units += entry.cache->state_units.size();
    sizes.logit_rows += as_size(entry.logit_rows);
  }
  return sizes;
}

size_t groups_of(std::span<const BatchEntry> batch, int ratio) {
  int groups = 0;
  for (const BatchEntry& entry : batch) {
    const int start = entry.cache->length;
    groups += (start + static_cast<int>(entry.tokens.size())) / ratio - start / ratio;
  }
  return as_size(groups);
}

// The arrays of a plan while they are written.
struct PlanArrays {
  std::span<int32_t> tokens;
  std::span<int32_t> positions;
  std::span<int32_t> row_sequence;
  std::span<SequenceStep> sequences;
  std::span<int32_t> page_table;
  std::span<int32_t> state_table;
  std::span<int32_t> logit_rows;
  std::span<CompressionPlan> compressions;
};

PlanArrays cut_arrays(MemoryCutter& cutter, const PlanSizes& sizes, size_t ratios) {
  return {.tokens = cutter.take_span<int32_t>(sizes.rows),
          .positions = cutter.take_span<int32_t>(sizes.rows),
          .row_sequence = cutter.take_span<int32_t>(sizes.rows),
          .sequences = cutter.take_span<SequenceStep>(sizes.sequences),
          .page_table = cutter.take_span<int32_t>(sizes.pages),
          .state_table = cutter.take_span<int32_t>(sizes.state_units),
          .logit_rows = cutter.take_span<int32_t>(sizes.logit_rows),
          .compressions = cutter.take_span<CompressionPlan>(ratios)};
}

CompressionPlan plan_groups(MemoryCutter& cutter, std::span<const SequenceStep> sequences,
                            int ratio, size_t group_count) {
  const auto groups = cutter.take_span<CompletedGroup>(group_count);
  const auto first_group = cutter.take_span<int32_t>(sequences.size() + 1);
  const auto positions = cutter.take_span<int32_t>(group_count);
  size_t next = 0;
  for (size_t s = 0; s < sequences.size(); ++s) {
    const SequenceStep& sequence = sequences[s];
    first_group[s] = static_cast<int32_t>(next);
    const int end = (sequence.start + sequence.rows) / ratio;
    for (int group = sequence.start / ratio; group < end; ++group) {
      const int last_position = (group + 1) * ratio - 1;
      groups[next] = {.sequence = static_cast<int>(s),
                      .group = group,
                      .last_row = sequence.first_row + last_position - sequence.start};
      positions[next] = group * ratio;
      ++next;
    }
  }
  first_group[sequences.size()] = static_cast<int32_t>(next);
  return {
      .ratio = ratio, .groups = groups, .first_group = first_group, .group_positions = positions};
}

}  // namespace

const StepPlan& StepPlanner::plan(std::span<const BatchEntry> batch, const StepPlanArgs& args) {
  const PlanSizes sizes = sizes_of(batch, args);
  MemoryCutter measure(nullptr);
  cut_arrays(measure, sizes, args.ratios.size());
  for (const int ratio : args.ratios) {
    const size_t groups = groups_of(batch, ratio);
    measure.take<CompletedGroup>(groups);
    measure.take<int32_t>(batch.size() + 1);
    measure.take<int32_t>(groups);
  }
  // A step of as many rows may complete a group more.
  MemoryCutter cutter(block_.at_least(std::bit_ceil(measure.used())));
  const PlanArrays arrays = cut_arrays(cutter, sizes, args.ratios.size());

  StepPlan plan;
  plan.feeds_drafter = args.feeds_drafter;
  size_t page = 0;
  size_t state_unit = 0;
  size_t logit_row = 0;
  for (size_t s = 0; s < batch.size(); ++s) {
    const BatchEntry& entry = batch[s];
    const int rows = static_cast<int>(entry.tokens.size());
    const int start = entry.cache->length;
    const SequenceStep& sequence =
        arrays.sequences[s] = {.first_row = plan.rows,
                               .rows = rows,
                               .start = start,
                               .droppable_rows = entry.droppable_rows,
                               .drafter_rows = entry.cache->drafter_rows,
                               .first_page = static_cast<int>(page),
                               .first_state_unit = static_cast<int>(state_unit),
                               .first_tail_row = plan.tail_rows,
                               .first_bank = plan.banks};
    std::ranges::copy(entry.cache->pages, arrays.page_table.subspan(page).begin());
    std::ranges::copy(entry.cache->state_units, arrays.state_table.subspan(state_unit).begin());
    page += entry.cache->pages.size();
    state_unit += entry.cache->state_units.size();
    for (int i = 0; i < rows; ++i) {
      const size_t row = as_size(plan.rows + i);
      arrays.tokens[row] = entry.tokens[as_size(i)];
      arrays.positions[row] = start + i;
      arrays.row_sequence[row] = static_cast<int32_t>(s);
      if (i >= rows - entry.logit_rows) {
        arrays.logit_rows[logit_row++] = static_cast<int32_t>(row);
      }
    }
    plan.rows += rows;
    plan.tail_rows += sequence.tail_rows();
    plan.banks += sequence.banks();
  }
  for (size_t i = 0; i < args.ratios.size(); ++i) {
    arrays.compressions[i] =
        plan_groups(cutter, arrays.sequences, args.ratios[i], groups_of(batch, args.ratios[i]));
  }
  plan.tokens = arrays.tokens;
  plan.positions = arrays.positions;
  plan.row_sequence = arrays.row_sequence;
  plan.sequences = arrays.sequences;
  plan.page_table = arrays.page_table;
  plan.state_table = arrays.state_table;
  plan.logit_rows = arrays.logit_rows;
  plan.compressions = arrays.compressions;
  plan_ = plan;
  return plan_;
}

}  // namespace hadal
