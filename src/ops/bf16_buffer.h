// Memory for rows packed as bf16, reused from call to call.
#pragma once

#include "base/aligned_buffer.h"
#include "ops/kernel_table.h"
#include "ops/linear.h"

namespace hadal {

class Bf16Buffer {
 public:
  // The bf16 form of x [rows, columns], which holds bf16 values, valid until the next call; none
  // where the kernels have no use for it and where `columns` is not a multiple of 128.
  Bf16Rows pack(OpContext& context, const float* x, int rows, int columns) {
    if (!useful(context, columns)) return {};
    const PackBf16RowsArgs args = place(x, rows, columns);
    ops::pack_bf16_rows(context, args);
    return rows_in(args);
  }

  static bool useful(const OpContext& context, int columns) {
    return context.kernels().pack_bf16_rows != nullptr && columns % kBf16Block == 0;
  }
  // The operation that fills the memory, to be run by the caller, where it is useful.
  PackBf16RowsArgs place(const float* x, int rows, int columns) {
    return {.x = x,
            .rows = rows,
            .columns = columns,
            .values = values_.at_least(static_cast<size_t>(rows) * static_cast<size_t>(columns))};
  }
  // What it fills the memory with.
  static Bf16Rows rows_in(const PackBf16RowsArgs& args) {
    return {.values = args.values, .columns = static_cast<size_t>(args.columns)};
  }

 private:
  AlignedBuffer<uint16_t> values_;
};

}  // namespace hadal
