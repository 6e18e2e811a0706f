// Inputs of linears in int8, as the `int8` policy prepares them: per row and 128 columns one scale,
// and codes in [-127, 127] that lie, within each 128, as 64 even columns, then 64 odd ones (the
// order in which packed FP4 weights come apart). Plain data, shared with per-ISA code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

// FP4 weights, doubled, lie in [-12, 12]; byte products take them unsigned, 12 above that.
constexpr int kFp4Bias = 12;

// What sums of (weight + 12) · code over a group of 32 columns start from: -12 times the sum of its
// codes, apart as products of pairs of bytes come: of places 0 and 1 of each four, and of 2 and 3.
struct GroupStart {
  int16_t first = 0;
  int16_t second = 0;
  bool operator==(const GroupStart&) const = default;
};

struct Int8Rows {
  const int8_t* codes = nullptr;             // [rows], `columns` apart; null: no int8 form
  const float* scales = nullptr;             // [rows], columns / 128 apart
  const GroupStart* group_starts = nullptr;  // [rows], columns / 32 apart
  const int32_t* block_sums = nullptr;       // [rows], columns / 128 apart: Σ of 128 codes
  size_t columns = 0;                        // of a whole row, a multiple of 128
};

// The columns of `rows` from `first` (a multiple of 128) on; none stays none.
Int8Rows columns_from(const Int8Rows& rows, int first);

}  // namespace hadal
