// Inputs of linears in int8, as the `int8` policy prepares them: per row and 128 columns one scale,
// and codes in [-127, 127] that lie, within each 128, as 64 even columns, then 64 odd ones (the
// order in which packed FP4 weights come apart). Plain data, shared with per-ISA code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

struct Int8Rows {
  const int8_t* codes = nullptr;        // [rows], `columns` apart; null: no int8 form
  const float* scales = nullptr;        // [rows], columns / 128 apart
  const int32_t* group_sums = nullptr;  // [rows], columns / 32 apart: Σ of 32 codes
  size_t columns = 0;                   // of a whole row, a multiple of 128
};

// The columns of `rows` from `first` (a multiple of 128) on; none stays none.
Int8Rows columns_from(const Int8Rows& rows, int first);

}  // namespace hadal
