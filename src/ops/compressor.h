// Pooling of token groups into compressed entries by a softmax per channel, before norm and RoPE.
// Both forms carry state from step to step: CSA the projected rows of the previous and the present
// group, HCA a running softmax (maximum, sum, weighted sum) that needs no rows.
#pragma once

#include "ops/context.h"
#include "ops/row_range.h"
#include "ops/step_plan.h"

namespace hadal {

// Adds the learned bias of the position within the group: z[row, :] += ape[position % ratio, :].
struct AddPositionBiasArgs {
  float* z = nullptr;                  // [rows, width], rows `stride` apart
  const float* ape = nullptr;          // [ratio, width]
  const int32_t* positions = nullptr;  // [rows]
  int rows = 0;
  int width = 0;
  size_t stride = 0;
  int ratio = 0;
};

inline AddPositionBiasArgs rows_of(AddPositionBiasArgs args, RowRange range) {
  args.z += range.offset(args.stride);
  args.positions += range.begin;
  args.rows = range.count();
  return args;
}

// Where the state of a compressor lies that earlier steps left: `offset` bytes into unit `unit` of
// each sequence's state slot.
struct CompressorState {
  const std::byte* pool = nullptr;  // block `id` begins at pool + id · block_bytes
  size_t block_bytes = 0;
  int unit = 0;
  size_t offset = 0;

  const float* of(const StepPlan& plan, const SequenceStep& sequence) const;
};

// Projected rows of one layer: [kv width][z width], z with its position bias. CSA: width = 2 c, the
// first c channels in the role of "previous group", the last c of "present group". The state holds
// the committed rows, [kCsaStateRows], `state_stride` floats apart.
struct CsaPoolArgs {
  const StepPlan* plan = nullptr;
  const CompressionPlan* groups = nullptr;  // those of the plan that are pooled
  const float* rows = nullptr;              // [plan rows, 4 c] of this step
  CompressorState state = {};
  size_t state_stride = 0;
  float* out = nullptr;  // [groups, c]
  int channels = 0;      // c
};

// The projected rows that a completed group pools: those of the group before it, of which the first
// group has none, then its own.
struct CsaGroupRows {
  const float* kv[kCsaStateRows] = {};  // [count], each [c]
  const float* z[kCsaStateRows] = {};
  int count = 0;
};
// `group` is an index into args.groups->groups.
CsaGroupRows csa_group_rows(const CsaPoolArgs& args, int group);

// Running softmax of the group under way: [maximum c][sum c][weighted sum c]. At a group's first
// token the former contents do not matter.
struct HcaPoolArgs {
  const StepPlan* plan = nullptr;
  const CompressionPlan* groups = nullptr;  // those of the plan that are pooled
  const float* rows = nullptr;              // [plan rows, 2 c]: kv, z
  CompressorState state = {};               // committed running softmax, [3, c]
  float* out = nullptr;                     // [groups, c]
  // [plan banks, 3, c]: where to leave the running softmax after each row that commit may end with;
  // bank i of a sequence: after all but the last (droppable_rows - i) rows.
  float* banks = nullptr;
  int channels = 0;  // c
};

// Keeps the last projected rows of each sequence (SequenceStep::tail_rows), those of both
// compressors of a layer side by side, for commit.
struct KeepTailArgs {
  const StepPlan* plan = nullptr;
  const float* main = nullptr;   // [plan rows, main_floats]
  const float* index = nullptr;  // [plan rows, index_floats]
  size_t main_floats = 0;
  size_t index_floats = 0;
  float* tail = nullptr;  // [plan tail_rows, main_floats + index_floats]
  RowRange range = {};    // the rows of the plan to look at
};

namespace ref {
void add_position_bias(OpContext& context, const AddPositionBiasArgs& args);
void keep_tail(OpContext& context, const KeepTailArgs& args);
void csa_pool(OpContext& context, const CsaPoolArgs& args);
void hca_pool(OpContext& context, const HcaPoolArgs& args);
}  // namespace ref

namespace ops {
void add_position_bias(OpContext& context, const AddPositionBiasArgs& args);
void keep_tail(OpContext& context, const KeepTailArgs& args);
void csa_pool(OpContext& context, const CsaPoolArgs& args);
void hca_pool(OpContext& context, const HcaPoolArgs& args);
}  // namespace ops

}  // namespace hadal
