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
    const auto values = static_cast<size_t>(rows) * static_cast<size_t>(columns);
    int8_t* codes = codes_.at_least(values);
    float* scales = scales_.at_least(values / kInt8Block);
    int32_t* sums = sums_.at_least(values / 32);
    ops::quantize_int8_rows(context, {.x = x,
                                      .rows = rows,
                                      .columns = columns,
                                      .codes = codes,
                                      .scales = scales,
                                      .group_sums = sums});
    return {.codes = codes,
            .scales = scales,
            .group_sums = sums,
            .columns = static_cast<size_t>(columns)};
  }

 private:
  AlignedBuffer<int8_t> codes_;
  AlignedBuffer<float> scales_;
  AlignedBuffer<int32_t> sums_;
};

}  // namespace hadal
