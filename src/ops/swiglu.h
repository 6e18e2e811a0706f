// The gate of a feed-forward network: out = silu(min(gate, limit)) · clamp(up, ±limit) · weight, in
// float32. The routing weight enters here, before the input of the down projection is rounded.
#pragma once

#include "ops/context.h"
#include "ops/row_range.h"

namespace hadal {

struct SwigluArgs {
  const float* gate = nullptr;         // [rows, width]
  const float* up = nullptr;           // [rows, width]
  const float* row_weights = nullptr;  // [rows], or nullptr for 1
  float* out = nullptr;                // [rows, width]; may be gate or up
  int rows = 0;
  int width = 0;
  float limit = 0;  // 0: no clamping
};

inline SwigluArgs rows_of(SwigluArgs args, RowRange range) {
  args.gate += range.offset(args.width);
  args.up += range.offset(args.width);
  if (args.row_weights != nullptr) args.row_weights += range.begin;
  args.out += range.offset(args.width);
  args.rows = range.count();
  return args;
}

namespace ref {
void swiglu(OpContext& context, const SwigluArgs& args);
}

namespace ops {
void swiglu(OpContext& context, const SwigluArgs& args);
}

}  // namespace hadal
