// Memory of its own for a dispatch, for callers without a plan of their buffers.
#pragma once

#include <vector>

#include "base/as_size.h"
#include "ops/experts.h"

namespace hadal {

struct DispatchBuffer {
  std::vector<int32_t> first;
  std::vector<int32_t> row;
  std::vector<float> weight;
  std::vector<int32_t> slot_of;

  // Room for the assignments of `rows` rows. Valid until the next call.
  Dispatch sized(int rows, int topk, int expert_count) {
    const size_t assignments = as_size(rows) * as_size(topk);
    first.resize(as_size(expert_count) + 1);
    row.resize(assignments);
    weight.resize(assignments);
    slot_of.resize(assignments);
    return view();
  }
  Dispatch view() {
    return {.assignments = static_cast<int>(row.size()),
            .first = first.data(),
            .row = row.data(),
            .weight = weight.data(),
            .slot_of = slot_of.data()};
  }
};

}  // namespace hadal
