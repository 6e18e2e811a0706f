// How weights and cache share the memory of a machine. What a model needs of it is
// checkpoint/v4/memory_needs.h.
#pragma once

#include <cstdint>
#include <vector>

#include "base/machine.h"
#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/config.h"

namespace hadal {

enum class Fit {
  kFits,      // weights and a useful cache
  kNoCache,   // the weights alone; less than one sequence of 8,192 tokens (or the model's limit)
  kFromDisk,  // some weights are read from disk again and again
  kTooSmall,  // it does not start: not even scratch memory and a short sequence, or no room to map
};

// By the bound that leaves least for the cache.
struct MemoryPlan {
  MemoryBound bound = {};
  int64_t machine_bytes = 0;  // of the bound
  int64_t reserve_bytes = 0;  // for the system, the program and its scratch memory
  int64_t weight_bytes = 0;   // mapped from files, held in the page cache
  int64_t cache_bytes = 0;    // what is left for the KV cache
  int64_t cache_tokens = 0;   // of one sequence within cache_bytes; not limited by the model
  // With kFromDisk: an estimate of what each token reads from disk, experts chosen evenly.
  int64_t disk_bytes_per_token = 0;
  Fit fit = Fit::kFits;
};
// Whatever else uses memory at present is not looked at. `bounds`: as memory_bounds() has them.
MemoryPlan plan_memory(const ModelConfig& config, const CatalogueTotals& totals,
                       const std::vector<MemoryBound>& bounds);

}  // namespace hadal
