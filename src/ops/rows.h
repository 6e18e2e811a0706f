// Moving and adding rows of float32 values as they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/context.h"
#include "ops/row_range.h"

namespace hadal {

// out[i] = x[row_index[i]]; where the index is -1, out[i] stays as it is.
struct GatherRowsArgs {
  const float* x = nullptr;            // [any, columns]
  const int32_t* row_index = nullptr;  // [rows]
  float* out = nullptr;                // [rows, columns]; must not overlap x
  int rows = 0;
  size_t columns = 0;
};

// x[i] *= factor.
struct ScaleArgs {
  float* x = nullptr;  // [rows, columns]
  int rows = 0;
  int columns = 0;
  float factor = 1;
};

inline ScaleArgs rows_of(ScaleArgs args, RowRange range) {
  args.x += range.offset(args.columns);
  args.rows = range.count();
  return args;
}

// out[row] += x[row / repeats].
struct AddArgs {
  const float* x = nullptr;  // [rows / repeats, columns]
  float* out = nullptr;      // [rows, columns]
  int rows = 0;
  int repeats = 1;  // rows in succession that the same row of x is added to
  int columns = 0;
};

// out[row] = the mean of `count` rows of x in succession, added in their order.
struct MeanRowsArgs {
  const float* x = nullptr;  // [rows · count, columns]
  float* out = nullptr;      // [rows, columns], rows `out_stride` apart
  int rows = 0;
  int count = 1;
  int columns = 0;
  size_t out_stride = 0;
};

namespace ref {
void gather_rows(OpContext& context, const GatherRowsArgs& args);
void scale(OpContext& context, const ScaleArgs& args);
void add(OpContext& context, const AddArgs& args);
void mean_rows(OpContext& context, const MeanRowsArgs& args);
}  // namespace ref

namespace ops {
void gather_rows(OpContext& context, const GatherRowsArgs& args);
void scale(OpContext& context, const ScaleArgs& args);
void add(OpContext& context, const AddArgs& args);
void mean_rows(OpContext& context, const MeanRowsArgs& args);
}  // namespace ops

}  // namespace hadal
