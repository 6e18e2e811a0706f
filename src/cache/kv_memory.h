// How many blocks the cache gets: from what the user asked for, or from the memory that is free
// beside the weights, and what that means in tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "model/cache_layout.h"

namespace hadal {

// Memory that this process can still use without swapping, in bytes: the system's estimate, or the
// room below the container's limit where that is smaller. Counts cached file pages as usable, so
// also those of mapped weights. 0 when the system does not tell.
int64_t available_memory();

struct KvMemoryArgs {
  const CacheLayout& layout;
  size_t requested_bytes = 0;   // 0: take what is free
  int64_t available_bytes = 0;  // available_memory()
  int64_t weight_bytes = 0;     // of the checkpoint: mapped, and wanted in memory
  int64_t useful_blocks = 0;    // more are of no use to a server of these limits; 0: no limit
};

struct KvMemoryPlan {
  int blocks = 0;
  size_t bytes = 0;            // blocks · block_bytes
  int64_t tokens = 0;          // of one sequence that has the cache for itself
  bool beyond_memory = false;  // the request exceeds what was measured to be free
};

// Throws Error kResourceExhausted when not even a sequence of one page fits into the request.
// Without a request at least an eighth of the free memory is taken, though the weights may then not
// stay in memory.
KvMemoryPlan plan_kv_memory(const KvMemoryArgs& args);

// One line for the start of a program: "KV cache 12.0 GiB: 13421 pages of 256 tokens, 3434240
// tokens in one sequence".
std::string describe(const KvMemoryPlan& plan, const CacheLayout& layout);

}  // namespace hadal
