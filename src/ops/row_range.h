// A part of the rows that an operation works on. Arguments whose rows are independent of each other
// can be narrowed to one (rows_of beside the arguments), so that several operations run on the same
// rows one after the other (row_loop.h).
#pragma once

#include <cstddef>

namespace hadal {

struct RowRange {
  int begin = 0;
  int end = 0;

  int count() const { return end - begin; }
  // The same rows where each of them is `n` rows, for example one per head.
  RowRange each_of(int n) const { return {.begin = begin * n, .end = end * n}; }
  // Where the range begins in rows of `width` values.
  size_t offset(size_t width) const { return static_cast<size_t>(begin) * width; }
  size_t offset(int width) const { return offset(static_cast<size_t>(width)); }
};

}  // namespace hadal
