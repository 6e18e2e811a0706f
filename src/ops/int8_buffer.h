// Memory for rows quantised to int8, reused from call to call.
#pragma once

#include "base/aligned_buffer.h"
#include "ops/linear.h"

namespace hadal {

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

  // The operation that fills the memory, to be run by the caller; `columns` is a multiple of 128.
  QuantizeInt8RowsArgs place(const float* x, int rows, int columns) {
    const auto values = static_cast<size_t>(rows) * static_cast<size_t>(columns);
    return {.x = x,
            .rows = rows,
            .columns = columns,
            .codes = codes_.at_least(values),
            .scales = scales_.at_least(values / kInt8Block),
            .group_sums = sums_.at_least(values / 32)};
  }
  // What it fills the memory with.
  static Int8Rows rows_in(const QuantizeInt8RowsArgs& args) {
    return {.codes = args.codes,
            .scales = args.scales,
            .group_sums = args.group_sums,
            .columns = static_cast<size_t>(args.columns)};
  }

 private:
  AlignedBuffer<int8_t> codes_;
  AlignedBuffer<float> scales_;
  AlignedBuffer<int32_t> sums_;
};

}  // namespace hadal
