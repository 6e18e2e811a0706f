// For evaluations: one sequence with memory of its own, and the check of its tokens.
#pragma once

#include <cstdint>
#include <span>

#include "cache/block_pool.h"
#include "cache/sequence_cache.h"
#include "checkpoint/v4/config.h"
#include "model/v4/cache_layout.h"

namespace hadal {

class LoneSequence {
 public:
  // With room for so many tokens.
  LoneSequence(const CacheLayout& layout, size_t tokens);
  CachePoolView pool() const { return pool_.view(); }

  SequenceCache cache;

 private:
  BlockPool pool_;
};

// Throws Error kInvalidArgument when `ids` is empty, holds an id outside the vocabulary or exceeds
// the model's positions.
void check_ids(const ModelConfig& config, std::span<const int32_t> ids);

}  // namespace hadal
