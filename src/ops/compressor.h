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

// Projected rows of one layer: [kv width][z width], z with its position bias. CSA: width = 2 c, the
// first c channels in the role of "previous group", the last c of "present group".
constexpr int kCsaStateRows = 8;  // previous and present group, row position % 8

struct CsaPoolArgs {
  const StepPlan* plan = nullptr;
  const float* rows = nullptr;  // [plan rows, 4 c] of this step
  // [sequences]: the committed rows of each sequence, [kCsaStateRows, 4 c], `state_stride` floats
  // apart.
  const float* const* state_rows = nullptr;
  size_t state_stride = 0;
  float* out = nullptr;  // [plan csa groups, c]
  int channels = 0;      // c
};

// The projected rows that a completed group pools: those of the group before it, of which the first
// group has none, then its own.
struct CsaGroupRows {
  const float* kv[kCsaStateRows] = {};  // [count], each [c]
  const float* z[kCsaStateRows] = {};
  int count = 0;
};
// `group` is an index into plan.csa.groups.
CsaGroupRows csa_group_rows(const CsaPoolArgs& args, int group);

// Running softmax of the group under way: [maximum c][sum c][weighted sum c]. At a group's first
// token the former contents do not matter.
struct HcaPoolArgs {
  const StepPlan* plan = nullptr;
  const float* rows = nullptr;          // [plan rows, 2 c]: kv, z
  const float* const* state = nullptr;  // [sequences]: committed running softmax, [3, c]
  float* out = nullptr;                 // [plan hca groups, c]
  // [sequences]: where to leave the running softmax after each row that commit may end with:
  // [droppable_rows + 1, 3, c]; bank i: after all but the last (droppable_rows - i) rows.
  float* const* banks = nullptr;
  int channels = 0;  // c
};

namespace ref {
void add_position_bias(OpContext& context, const AddPositionBiasArgs& args);
void csa_pool(OpContext& context, const CsaPoolArgs& args);
void hca_pool(OpContext& context, const HcaPoolArgs& args);
}  // namespace ref

namespace ops {
void add_position_bias(OpContext& context, const AddPositionBiasArgs& args);
void csa_pool(OpContext& context, const CsaPoolArgs& args);
void hca_pool(OpContext& context, const HcaPoolArgs& args);
}  // namespace ops

}  // namespace hadal
