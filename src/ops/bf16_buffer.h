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
    if (context.kernels().pack_bf16_rows == nullptr || columns % kBf16Block != 0) return {};
    uint16_t* values = values_.at_least(static_cast<size_t>(rows) * static_cast<size_t>(columns));
    ops::pack_bf16_rows(context, {.x = x, .rows = rows, .columns = columns, .values = values});
    return {.values = values, .columns = static_cast<size_t>(columns)};
  }

 private:
  AlignedBuffer<uint16_t> values_;
};

}  // namespace hadal
