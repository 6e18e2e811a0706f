// The input of quantised linears in the form that the activation policy gives it.
#pragma once

#include "base/aligned_buffer.h"
#include "ops/bf16_buffer.h"
#include "ops/int8_buffer.h"
#include "ops/linear.h"

namespace hadal {

struct LinearInput {
  const float* x = nullptr;  // [rows, columns]
  Int8Rows int8 = {};
  Bf16Rows bf16 = {};
};

class LinearInputBuffer {
 public:
  // kNone: x itself; kFp8: x rounded, with its bf16 form where the kernels know it; kInt8: x with
  // its int8 form. Valid until the next call.
  LinearInput prepare(OpContext& ops, ActivationPolicy policy, const float* x, int rows,
                      int columns) {
    if (policy == ActivationPolicy::kNone) return {.x = x};
    if (policy == ActivationPolicy::kInt8) {
      return {.x = x, .int8 = int8_.quantize(ops, x, rows, columns)};
    }
    float* rounded = rounded_.at_least(static_cast<size_t>(rows) * static_cast<size_t>(columns));
    ops::round_activations(
        ops, {.x = x, .out = rounded, .rows = rows, .columns = columns, .policy = policy});
    return {.x = rounded, .bf16 = bf16_.pack(ops, rounded, rows, columns)};
  }

 private:
  AlignedBuffer<float> rounded_;
  Int8Buffer int8_;
  Bf16Buffer bf16_;
};

}  // namespace hadal
