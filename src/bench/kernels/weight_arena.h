// Cold weights for measurements: matrices cut one after the other from memory much larger than any
// cache, so that each is read from memory when its turn comes again. The values are arbitrary but
// finite and of moderate size in every format.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"
#include "ops/linear.h"

namespace hadal {

class WeightArena {
 public:
  // Matrices take turns over `bytes` of values (and as many scales as go with them). Throws Error
  // kResourceExhausted when the system refuses the memory.
  WeightArena(size_t bytes, ThreadPool& threads);
  ~WeightArena();
  WeightArena(const WeightArena&) = delete;
  WeightArena& operator=(const WeightArena&) = delete;

  // The next matrix, valid as long as the arena; its values must not be larger than the arena.
  // kFp8 with `int8`: as int8 tiles.
  WeightMatrix next(WeightFormat format, int out_features, int in_features, bool int8 = false);

  // The values alone, 64-byte aligned, a multiple of 4096 bytes.
  const std::byte* data() const { return values_.base; }
  size_t size() const { return values_.size; }

 private:
  struct Region {
    std::byte* base = nullptr;
    size_t size = 0;
    size_t used = 0;
    std::byte* take(size_t bytes);
  };

  std::byte* memory_ = nullptr;
  size_t memory_bytes_ = 0;
  Region values_;
  Region exponents_;     // e8m0 scales
  Region float_scales_;  // of int8 tiles
};

}  // namespace hadal
