// One loop over rows for several operations that treat every row by itself: threads meet once for
// all of them, and what one operation wrote is still in the cache when the next one reads it.
#pragma once

#include <limits>
#include <string_view>

#include "base/function_ref.h"
#include "ops/context.h"
#include "ops/row_range.h"

namespace hadal {

struct RowLoop {
  static constexpr int kRowByRow = std::numeric_limits<int>::max();

  std::string_view op;  // a literal: what a profile calls the loop, all its operations as one
  int rows = 0;
  // What the operations go through per row, roughly: decides how many rows a task has.
  int row_floats = 0;
};

namespace ops {
// Calls body(own, range) for disjoint ranges that cover all rows. `own` computes on the calling
// thread alone; operations on it must be narrowed to the range (rows_of).
void for_rows(OpContext& context, const RowLoop& loop,
              FunctionRef<void(OpContext& own, RowRange range)> body);
}  // namespace ops

}  // namespace hadal
