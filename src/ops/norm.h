// Root-mean-square normalisation of rows in float32: x · rsqrt(mean(x²) + eps) · weight.
#pragma once

#include "ops/context.h"
#include "ops/row_range.h"

namespace hadal {

struct RmsNormArgs {
  const float* x = nullptr;       // [rows, columns]
  const float* weight = nullptr;  // [columns], or nullptr for none
  float* out = nullptr;           // [rows, columns]; may be x
  int rows = 0;
  int columns = 0;
  float eps = 0;
};

inline RmsNormArgs rows_of(RmsNormArgs args, RowRange range) {
  args.x += range.offset(args.columns);
  args.out += range.offset(args.columns);
  args.rows = range.count();
  return args;
}

namespace ref {
void rms_norm(OpContext& context, const RmsNormArgs& args);
}

namespace ops {
void rms_norm(OpContext& context, const RmsNormArgs& args);
}

}  // namespace hadal
