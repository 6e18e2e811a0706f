// Small helpers that the operations' unit tests share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "ops/context.h"
#include "ops/kernel_table.h"
#include "ops/step_plan.h"

namespace hadal::testing_support {

// Reproducible values in [-1, 1).
class Values {
 public:
  explicit Values(uint32_t seed) : engine_(seed) {}
  float next() { return static_cast<float>(engine_() % 20001) / 10000.0F - 1.0F; }
  uint8_t byte() { return static_cast<uint8_t>(engine_()); }
  int below(int limit) { return static_cast<int>(engine_() % static_cast<uint32_t>(limit)); }
  std::vector<float> floats(size_t count) {
    std::vector<float> out(count);
    for (float& value : out) value = next();
    return out;
  }

 private:
  std::mt19937 engine_;
};

// A name that GoogleTest takes for a parameter: it has no dashes.
inline std::string test_name(std::string_view name) {
  std::string result(name);
  std::replace(result.begin(), result.end(), '-', '_');
  return result;
}

// The reference kernels on two threads.
struct ReferenceOps {
  ThreadPool threads{2};
  OpContext context{threads, reference_kernels()};
};

// A plan whose arrays are vectors, to be written by hand.
struct HandMadePlan {
  struct Groups {
    int ratio = 0;
    std::vector<CompletedGroup> groups = {};
    std::vector<int32_t> first_group = {};
  };

  int rows = 0;
  int banks = 0;
  std::vector<int32_t> positions = {};
  std::vector<int32_t> row_sequence = {};
  std::vector<SequenceStep> sequences = {};
  std::vector<int32_t> page_table = {};
  std::vector<int32_t> state_table = {};
  std::vector<Groups> compressions = {};

  // Views that are valid until something changes here.
  const StepPlan& plan() {
    views_.clear();
    for (const Groups& groups : compressions) {
      views_.push_back(
          {.ratio = groups.ratio, .groups = groups.groups, .first_group = groups.first_group});
    }
    plan_ = {.rows = rows,
             .banks = banks,
             .positions = positions,
             .row_sequence = row_sequence,
             .sequences = sequences,
             .page_table = page_table,
             .state_table = state_table,
             .compressions = views_};
    return plan_;
  }

  std::vector<CompressionPlan> views_ = {};
  StepPlan plan_ = {};
};

}  // namespace hadal::testing_support
