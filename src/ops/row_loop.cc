#include "ops/row_loop.h"

#include <algorithm>

#include "ops/op_profile.h"

namespace hadal::ops {
namespace {

// What a task should go through at least: less takes as long as handing it out.
constexpr int kTaskFloats = 4096;
constexpr int kMostTaskRows = 16;

}  // namespace

void for_rows(OpContext& context, const RowLoop& loop,
              FunctionRef<void(OpContext& own, RowRange range)> body) {
  const OpTimer timer(context, {.op = loop.op});
  const int grain = std::clamp(kTaskFloats / std::max(loop.row_floats, 1), 1, kMostTaskRows);
  context.threads().parallel_for(loop.rows, grain, [&](int begin, int end, int thread) {
    body(context.of_thread(thread), {.begin = begin, .end = end});
  });
}

}  // namespace hadal::ops
