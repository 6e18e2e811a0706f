// The ragged metadata of one step: which rows belong to which sequence and where their cache lies.
// Built once per step (model/batch.h), plain data in one block that the plan only views, read by
// the operations. Holds ids and offsets, no pointers into the cache, so that the same plan can
// drive another device or process.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/check.h"

namespace hadal {

// A compressor with overlap pools the rows of two groups of four, row position % 8.
constexpr int kCsaStateRows = 8;

// One sequence's part of a step: rows [first_row, first_row + rows) at consecutive positions.
struct SequenceStep {
  int first_row = 0;
  int rows = 0;
  int start = 0;             // position of the first row = tokens committed before this step
  int droppable_rows = 0;    // commit may leave out up to this many of the last rows
  int drafter_rows = 0;      // tokens before `start` that the drafter's state knows
  int first_page = 0;        // where its page ids begin in StepPlan::page_table
  int first_state_unit = 0;  // where its state units begin in StepPlan::state_table
  int first_tail_row = 0;    // where its tail_rows() begin among those of all sequences
  int first_bank = 0;        // where its banks() begin among those of all sequences

  // The last projected rows, as many as commit may need for any length that it may end with.
  int tail_rows() const { return std::min(rows, kCsaStateRows + droppable_rows); }
  // The lengths that commit may end with, for what is kept once for each.
  int banks() const { return droppable_rows + 1; }
};

// A compression group that a step completes: `ratio` tokens that become one compressed entry.
struct CompletedGroup {
  int sequence = 0;  // index into StepPlan::sequences
  int group = 0;     // index of the entry; it covers tokens [group · ratio, (group + 1) · ratio)
  int last_row = 0;  // the row that completes it
};

// The groups of one ratio, in order of sequence and group.
struct CompressionPlan {
  int ratio = 0;
  std::span<const CompletedGroup> groups = {};
  std::span<const int32_t> first_group = {};      // [sequences + 1]: the range of each one's groups
  std::span<const int32_t> group_positions = {};  // [groups]: the group's first token, for RoPE
};

struct StepPlan {
  int rows = 0;
  int tail_rows = 0;                           // of all sequences
  int banks = 0;                               // of all sequences
  std::span<const int32_t> tokens = {};        // [rows]
  std::span<const int32_t> positions = {};     // [rows]
  std::span<const int32_t> row_sequence = {};  // [rows]: index into sequences
  std::span<const SequenceStep> sequences = {};
  std::span<const int32_t> page_table = {};   // page ids, each sequence's in order of position
  std::span<const int32_t> state_table = {};  // ids of the pages that hold the state slots
  std::span<const int32_t> logit_rows = {};   // ascending
  // All rows of a sequence see each other and the window before the first of them; otherwise each
  // sees the window that ends with itself.
  bool is_block = false;
  // Where the pass has a drafter: whether its state of the sequences goes on with the step.
  bool feeds_drafter = true;
  std::span<const CompressionPlan> compressions = {};  // one for each ratio of the model

  const CompressionPlan& compression(int ratio) const {
    const auto found =
        std::find_if(compressions.begin(), compressions.end(),
                     [&](const CompressionPlan& plan) { return plan.ratio == ratio; });
    HADAL_CHECK(found != compressions.end());
    return *found;
  }
};

}  // namespace hadal
