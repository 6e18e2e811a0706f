// The ragged metadata of one step: which rows belong to which sequence and where their cache lies.
// Built once per step, plain data, only read by the operations. Holds ids and offsets, no pointers
// into the cache, so that the same plan can drive another device or process.
#pragma once

#include <cstdint>
#include <vector>

namespace hadal {

// One sequence's part of a step: rows [first_row, first_row + rows) at consecutive positions.
struct SequenceStep {
  int first_row = 0;
  int rows = 0;
  int start = 0;             // position of the first row = tokens committed before this step
  int droppable_rows = 0;    // commit may leave out up to this many of the last rows
  int first_page = 0;        // where its page ids begin in StepPlan::page_table
  int first_state_unit = 0;  // where its state units begin in StepPlan::state_table
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
  std::vector<CompletedGroup> groups;
  std::vector<int> first_group;          // [sequences + 1]: the range of each sequence's groups
  std::vector<int32_t> group_positions;  // [groups]: position of the group's first token, for RoPE
};

struct StepPlan {
  int rows = 0;
  std::vector<int32_t> tokens;        // [rows]
  std::vector<int32_t> positions;     // [rows]
  std::vector<int32_t> row_sequence;  // [rows]: index into sequences
  std::vector<SequenceStep> sequences;
  std::vector<int32_t> page_table;   // page ids, each sequence's in order of position
  std::vector<int32_t> state_table;  // ids of the pages that hold the state slots
  std::vector<int32_t> logit_rows;   // ascending
  CompressionPlan csa;
  CompressionPlan hca;
};

}  // namespace hadal
