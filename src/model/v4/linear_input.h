// The input of quantised linears in the form that the activation policy gives it.
#pragma once

#include <optional>

#include "base/memory_cutter.h"
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
  // What an input [rows, columns] needs.
  static size_t bytes(const OpContext& ops, ActivationPolicy policy, int rows, int columns) {
    MemoryCutter measure(nullptr);
    LinearInputBuffer().cut(measure, ops, policy, nullptr, rows, columns);
    return measure.used();
  }
  // Memory for all inputs that will be placed; it outlives their use.
  void set_memory(std::byte* memory) { memory_ = memory; }

  // kNone: x itself; kFp8: x rounded, with its bf16 form where the kernels know it; kInt8: x with
  // its int8 form. Valid until the next call.
  LinearInput prepare(OpContext& ops, ActivationPolicy policy, const float* x, int rows,
                      int columns) {
    const LinearInput input = place(ops, policy, x, rows, columns);
    fill(ops, {.end = rows});
    return input;
  }

  // The same in two steps: where the input will be, before x is known, and its rows as x's are.
  LinearInput place(const OpContext& ops, ActivationPolicy policy, const float* x, int rows,
                    int columns) {
    MemoryCutter cutter(memory_);
    return cut(cutter, ops, policy, x, rows, columns);
  }
  void fill(OpContext& ops, RowRange range) const {
    if (quantize_) ops::quantize_int8_rows(ops, rows_of(*quantize_, range));
    if (round_) ops::round_activations(ops, rows_of(*round_, range));
    if (pack_) ops::pack_bf16_rows(ops, rows_of(*pack_, range));
  }

 private:
  LinearInput cut(MemoryCutter& cutter, const OpContext& ops, ActivationPolicy policy,
                  const float* x, int rows, int columns) {
    round_.reset();
    quantize_.reset();
    pack_.reset();
    LinearInput input{.x = x};
    if (policy == ActivationPolicy::kInt8 && columns % kInt8Block == 0) {
      quantize_ = place_int8_rows(cutter, x, rows, columns);
      input.int8 = rows_in(*quantize_);
    } else if (policy == ActivationPolicy::kFp8) {
      auto* const rounded = cutter.take<float>(as_size(rows) * as_size(columns));
      round_ = {.x = x, .out = rounded, .rows = rows, .columns = columns, .policy = policy};
      input.x = rounded;
      if (bf16_rows_useful(ops, columns)) {
        pack_ = place_bf16_rows(cutter, rounded, rows, columns);
        input.bf16 = rows_in(*pack_);
      }
    }
    return input;
  }

  std::byte* memory_ = nullptr;
  std::optional<QuantizeInt8RowsArgs> quantize_;
  std::optional<RoundActivationsArgs> round_;
  std::optional<PackBf16RowsArgs> pack_;
};

}  // namespace hadal
