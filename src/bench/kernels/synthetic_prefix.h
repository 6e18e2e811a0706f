// A sequence that looks as if many tokens had been computed: pages, window and compressor state
// filled with random valid entries. Lets a long context be measured without computing it.
#pragma once

#include <cstdint>

#include "cache/sequence_cache.h"
#include "checkpoint/v4/config.h"
#include "model/v4/cache_layout.h"

namespace hadal {

// Fills what `cache` holds as if `tokens` tokens were committed, and sets its length. It must have
// been given pages for them and a state slot. Keys are of about unit size, scales near 1; nothing
// is NaN. The same seed gives the same bytes. Only for rotated values in bf16.
void fill_synthetic_prefix(const ModelConfig& config, const CacheLayout& layout,
                           const CachePoolView& pool, int tokens, uint64_t seed,
                           SequenceCache& cache);

}  // namespace hadal
