// Memory for rows packed as bf16: cut from a block, or a buffer of its own that is used again from
// call to call.
#pragma once

#include "base/aligned_buffer.h"
#include "base/as_size.h"
#include "base/memory_cutter.h"
#include "ops/kernel_table.h"
#include "ops/linear.h"

namespace hadal {

// Whether kernels multiply rows of so many columns in bf16.
inline bool bf16_rows_useful(const OpContext& context, int columns) {
  return context.kernels().pack_bf16_rows != nullptr && columns % kBf16Block == 0;
}

// The operation that packs x [rows, columns] into memory of `cutter`, to be run by the caller,
// where it is useful.
inline PackBf16RowsArgs place_bf16_rows(MemoryCutter& cutter, const float* x, int rows,
                                        int columns) {
  return {.x = x,
          .rows = rows,
          .columns = columns,
          .values = cutter.take<uint16_t>(as_size(rows) * as_size(columns))};
}

// What it fills the memory with.
inline Bf16Rows rows_in(const PackBf16RowsArgs& args) {
  return {.values = args.values, .columns = as_size(args.columns)};
}

class Bf16Buffer {
 public:
  // The bf16 form of x [rows, columns], which holds bf16 values, valid until the next call; none
  // where it is not useful.
  Bf16Rows pack(OpContext& context, const float* x, int rows, int columns) {
    if (!bf16_rows_useful(context, columns)) return {};
    const PackBf16RowsArgs args = place(x, rows, columns);
    ops::pack_bf16_rows(context, args);
    return rows_in(args);
  }

  // As place_bf16_rows, into this buffer.
  PackBf16RowsArgs place(const float* x, int rows, int columns) {
    MemoryCutter cutter(memory_.at_least(2 * as_size(rows) * as_size(columns)));
    return place_bf16_rows(cutter, x, rows, columns);
  }

 private:
  AlignedBuffer<std::byte> memory_;
};

}  // namespace hadal
