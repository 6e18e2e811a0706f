// How many blocks the cache gets: from what the user asked for, or from the memory that is free
// beside the weights, and what that means in tokens. The limits themselves: base/machine.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/machine.h"
#include "cache/cache_geometry.h"

namespace hadal {

struct KvMemoryArgs {
  const CacheGeometry& geometry;
  size_t requested_bytes = 0;            // 0: take what is free
  std::vector<MemoryBound> bounds = {};  // memory_bounds(); empty: nothing is known
  int64_t weight_bytes = 0;              // mapped from files: wanted in memory, but they make way
  int64_t private_bytes = 0;   // memory that steps and weights kept in memory are yet to take
  int64_t unmapped_bytes = 0;  // weights that are yet to be mapped
  int64_t stack_bytes = 0;     // of threads that are yet to start
  int64_t useful_blocks = 0;   // more are of no use to a server of these limits; 0: no limit
};

struct KvMemoryPlan {
  int blocks = 0;
  size_t bytes = 0;            // blocks · block_bytes
  int64_t tokens = 0;          // of one sequence that has the cache for itself
  MemoryBound bound = {};      // the one that leaves least for the cache
  bool beyond_memory = false;  // a request exceeds what the bound leaves, even without the weights
  int64_t paged_bytes = 0;  // of weights that will not stay in memory, and are read over and over
};

// Throws Error kResourceExhausted when not even a sequence of one page fits into the request, or,
// without a request, into the free memory of a control group or of a resource limit. Without a
// request at least an eighth of the free memory is taken, though the weights may then not stay in
// memory.
KvMemoryPlan plan_kv_memory(const KvMemoryArgs& args);

// One line for the start of a program: "KV cache 12.00 GiB: 13421 pages of 256 tokens, 3434240
// tokens in one sequence; within 16 GiB: memory.max of /system.slice/hadal.service".
std::string describe(const KvMemoryPlan& plan, const CacheGeometry& geometry);

}  // namespace hadal
