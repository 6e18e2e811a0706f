#include "ops/rows.h"

#include <algorithm>

#include "base/as_size.h"

namespace hadal::ref {

void gather_rows(OpContext& context, const GatherRowsArgs& args) {
  context.threads().parallel_for(args.rows, 1, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      if (args.row_index[row] < 0) continue;
      std::copy_n(args.x + as_size(args.row_index[row]) * args.columns, args.columns,
                  args.out + as_size(row) * args.columns);
    }
  });
}

void scale(OpContext&, const ScaleArgs& args) {
  const size_t count = as_size(args.rows) * as_size(args.columns);
  for (size_t i = 0; i < count; ++i) args.x[i] *= args.factor;
}

void add(OpContext& context, const AddArgs& args) {
  const size_t columns = as_size(args.columns);
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      const float* x = args.x + as_size(row / args.repeats) * columns;
      float* out = args.out + as_size(row) * columns;
      for (size_t i = 0; i < columns; ++i) out[i] += x[i];
    }
  });
}

void mean_rows(OpContext& context, const MeanRowsArgs& args) {
  const size_t columns = as_size(args.columns);
  const float share = 1.0F / static_cast<float>(args.count);
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      const float* x = args.x + as_size(row) * as_size(args.count) * columns;
      float* out = args.out + as_size(row) * args.out_stride;
      std::copy_n(x, columns, out);
      for (int i = 1; i < args.count; ++i) {
        for (size_t c = 0; c < columns; ++c) out[c] += x[as_size(i) * columns + c];
      }
      for (size_t c = 0; c < columns; ++c) out[c] *= share;
    }
  });
}

}  // namespace hadal::ref
