#include "model/batch.h"

#include "base/check.h"

namespace hadal {
namespace {

void plan_groups(CompressionPlan& compression, int ratio, const StepPlan& plan) {
  compression.ratio = ratio;
  for (size_t s = 0; s < plan.sequences.size(); ++s) {
    const SequenceStep& sequence = plan.sequences[s];
    compression.first_group.push_back(static_cast<int>(compression.groups.size()));
    const int end = (sequence.start + sequence.rows) / ratio;
    for (int group = sequence.start / ratio; group < end; ++group) {
      const int last_position = (group + 1) * ratio - 1;
      compression.groups.push_back(
          {.sequence = static_cast<int>(s),
           .group = group,
           .last_row = sequence.first_row + last_position - sequence.start});
      compression.group_positions.push_back(group * ratio);
    }
  }
  compression.first_group.push_back(static_cast<int>(compression.groups.size()));
}

}  // namespace

StepPlan make_step_plan(std::span<const BatchEntry> batch, const CacheLayout& layout,
                        StepKind kind) {
  StepPlan plan;
  for (const BatchEntry& entry : batch) {
    const SequenceCache& cache = *entry.cache;
    const int rows = static_cast<int>(entry.tokens.size());
    HADAL_CHECK(rows > 0);
    HADAL_CHECK(entry.logit_rows >= 0 && entry.logit_rows <= rows);
    HADAL_CHECK(entry.droppable_rows >= 0 && entry.droppable_rows <= rows);
    HADAL_CHECK(static_cast<int>(cache.state_units.size()) == layout.state_units);
    const int start = kind == StepKind::kMain ? cache.length : cache.drafter_length;
    HADAL_CHECK(layout.pages_for(start + rows) <= static_cast<int>(cache.pages.size()));
    const int sequence_index = static_cast<int>(plan.sequences.size());
    plan.sequences.push_back({.first_row = plan.rows,
                              .rows = rows,
                              .start = start,
                              .droppable_rows = entry.droppable_rows,
                              .first_page = static_cast<int>(plan.page_table.size()),
                              .first_state_unit = static_cast<int>(plan.state_table.size())});
    plan.page_table.insert(plan.page_table.end(), cache.pages.begin(), cache.pages.end());
    plan.state_table.insert(plan.state_table.end(), cache.state_units.begin(),
                            cache.state_units.end());
    for (int i = 0; i < rows; ++i) {
      plan.tokens.push_back(entry.tokens[static_cast<size_t>(i)]);
      plan.positions.push_back(start + i);
      plan.row_sequence.push_back(sequence_index);
      if (i >= rows - entry.logit_rows) plan.logit_rows.push_back(plan.rows + i);
    }
    plan.rows += rows;
  }
  plan_groups(plan.csa, kCsaRatio, plan);
  plan_groups(plan.hca, kHcaRatio, plan);
  return plan;
}

}  // namespace hadal
