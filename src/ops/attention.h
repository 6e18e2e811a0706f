// The attention core: each row attends to its window, to compressed entries, and to a learned sink
// that takes weight but adds no value. Keys are values, shared by all heads.
#pragma once

#include <optional>

#include "ops/context.h"
#include "ops/kv_cache.h"
#include "ops/row_range.h"

namespace hadal {

struct AttendArgs {
  const float* q = nullptr;     // [rows, heads, head_dim]
  const float* sink = nullptr;  // [heads]
  LayerKv kv;
  // The compressed entries each row sees, [rows, topk], ascending, padded with -1; nullptr: every
  // entry whose group is complete at the row's position.
  const int32_t* chosen = nullptr;
  int topk = 0;
  float* out = nullptr;  // [rows, heads, head_dim]
  int heads = 0;
  float scale = 0;                     // of q · k
  std::optional<RowRange> range = {};  // the rows of the plan that attend; none: all of them

  RowRange rows() const { return range.value_or(RowRange{.end = kv.plan->rows}); }
};

inline AttendArgs rows_of(AttendArgs args, RowRange range) {
  args.range = range;
  return args;
}

namespace ref {
void attend(OpContext& context, const AttendArgs& args);
}

namespace ops {
void attend(OpContext& context, const AttendArgs& args);
}

}  // namespace hadal
