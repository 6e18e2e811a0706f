// Inputs of linears in bf16, for instruction sets that multiply such pairs. The `fp8` policy loses
// nothing by it: a value of the e4m3 grid times a power of two is a bf16 value. Plain data, shared
// with per-ISA code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

constexpr int kBf16Block = 128;

// Within each 128 columns there are four runs of 32: run k holds columns k, k + 4, k + 8, … (the
// order in which packed FP4 weights come apart as 16-bit words).
struct Bf16Rows {
  const uint16_t* values = nullptr;  // [rows], `columns` apart; null: no bf16 form
  size_t columns = 0;                // of a whole row, a multiple of 128
};

// The columns of `rows` from `first` (a multiple of 128) on; none stays none.
Bf16Rows columns_from(const Bf16Rows& rows, int first);

}  // namespace hadal
