// The same day of traffic through a cache with pages of three sizes, as engines have it that give
// every kind of state its own blocks: for comparison with cache_simulation.h. A model of such an
// engine, kind to it: history is shared in logical blocks of 256 tokens, window and compressor
// state in token-indexed blocks, of which those at the last 256-token boundary of a prompt and of
// an answer stay; a prefix is usable up to a boundary that has both.
#pragma once

#include <array>
#include <cstdint>

#include "bench/cache_simulation.h"
#include "checkpoint/config.h"

namespace hadal {

constexpr int kBuckets = 3;

// What one thing occupies, in pages of each bucket.
using BucketPages = std::array<int64_t, kBuckets>;

// Sizes for one model. Entries of 584 bytes, index keys of 132, state rows in float32.
struct BucketedLayout {
  std::array<int64_t, kBuckets> page_bytes = {37'440, 8'640, 1'728};
  BucketPages history_block = {};     // of 256 tokens
  BucketPages window_block = {};      // of 64 tokens of the window
  BucketPages csa_state_block = {};   // of 4 tokens
  BucketPages hca_state_block = {};   // of 8 tokens
  int64_t history_block_bytes = 0;    // of them live
  int64_t window_token_bytes = 0;     // live, of one of the last 128 tokens
  int64_t csa_state_token_bytes = 0;  // live, of one of the last 8
  int64_t hca_state_token_bytes = 0;  // live, of one of the last 128

  static BucketedLayout of(const ModelConfig& config);

  // For a sequence whose last `rows` tokens were computed in one step: everything but history.
  BucketPages working_set(int length, int rows) const;
  BucketPages checkpoint() const;
  int64_t bytes(const BucketPages& pages) const;
  int64_t live_bytes(int length) const;
};

// `pool_bytes` are divided among the buckets for sequences of 8,192 tokens.
CacheOutcome simulate_bucketed_cache(const ModelConfig& config,
                                     const CacheSimulationOptions& options);

}  // namespace hadal
