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

}  // namespace hadal::testing_support
