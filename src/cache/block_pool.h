// The one pool of cache memory: blocks of one size for pages and state slots alike. Hands out ids;
// knows nothing of what is stored. Not thread-safe: it belongs to the engine thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/cache_layout.h"
#include "model/sequence_cache.h"

namespace hadal {

class BlockPool {
 public:
  // Reserves address space for `capacity` blocks; memory is touched only as blocks are used.
  // Throws Error kResourceExhausted when the system refuses.
  BlockPool(size_t block_bytes, int capacity);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  int capacity() const { return capacity_; }
  int free_blocks() const { return static_cast<int>(free_.size()); }
  CachePoolView view() const { return {base_, block_bytes_}; }

  // Appends `count` block ids to `ids`. Returns false, and takes none, when fewer are free.
  [[nodiscard]] bool allocate(int count, std::vector<int32_t>& ids);
  void release(std::vector<int32_t>& ids);  // empties `ids`

 private:
  std::byte* base_ = nullptr;
  size_t block_bytes_ = 0;
  int capacity_ = 0;
  std::vector<int32_t> free_;  // a stack: recently used memory is reused first
};

// Blocks that a sequence of `tokens` tokens needs: its pages and its state slot.
int blocks_for_sequence(const CacheLayout& layout, int tokens);

// Gives `cache` a state slot (once) and pages up to `tokens` tokens. Returns false, and takes
// nothing, when the pool is short.
[[nodiscard]] bool reserve_sequence(BlockPool& pool, const CacheLayout& layout, int tokens,
                                    SequenceCache& cache);
void release_sequence(BlockPool& pool, SequenceCache& cache);

}  // namespace hadal
