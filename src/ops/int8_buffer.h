// Memory for rows quantised to int8: cut from a block, or a buffer of its own that is used again
// from call to call.
#pragma once

#include "base/aligned_buffer.h"
#include "base/as_size.h"
#include "base/memory_cutter.h"
#include "ops/linear.h"

namespace hadal {

// The operation that quantises x [rows, columns] into memory of `cutter`, to be run by the caller;
// `columns` is a multiple of 128.
inline QuantizeInt8RowsArgs place_int8_rows(MemoryCutter& cutter, const float* x, int rows,
                                            int columns) {
  const size_t values = as_size(rows) * as_size(columns);
  return {.x = x,
          .rows = rows,
          .columns = columns,
          .codes = cutter.take<int8_t>(values),
          .scales = cutter.take<float>(values / kInt8Block),
          .group_starts = cutter.take<GroupStart>(values / kFp4Block),
          .block_sums = cutter.take<int32_t>(values / kInt8Block)};
}

// What it fills the memory with.
inline Int8Rows rows_in(const QuantizeInt8RowsArgs& args) {
  return {.codes = args.codes,
          .scales = args.scales,
          .group_starts = args.group_starts,
          .block_sums = args.block_sums,
          .columns = as_size(args.columns)};
}

class Int8Buffer {
 public:
  // The int8 form of x [rows, columns], valid until the next call; none when `columns` is not a
  // multiple of 128.
  Int8Rows quantize(OpContext& context, const float* x, int rows, int columns) {
    if (columns % kInt8Block != 0) return {};
    const QuantizeInt8RowsArgs args = place(x, rows, columns);
    ops::quantize_int8_rows(context, args);
    return rows_in(args);
  }

  // As place_int8_rows, into this buffer.
  QuantizeInt8RowsArgs place(const float* x, int rows, int columns) {
    MemoryCutter measure(nullptr);
    place_int8_rows(measure, x, rows, columns);
    MemoryCutter cutter(memory_.at_least(measure.used()));
    return place_int8_rows(cutter, x, rows, columns);
  }

 private:
  AlignedBuffer<std::byte> memory_;
};

}  // namespace hadal
