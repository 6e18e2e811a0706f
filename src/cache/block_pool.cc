#include "cache/block_pool.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <sys/mman.h>

#include "base/check.h"
#include "base/error.h"

namespace hadal {

BlockPool::BlockPool(size_t block_bytes, int capacity)
    : block_bytes_(block_bytes), capacity_(capacity) {
  HADAL_CHECK(block_bytes > 0 && capacity > 0);
  const auto blocks = static_cast<size_t>(capacity);
  void* memory = MAP_FAILED;
  int error = ENOMEM;
  if (blocks <= std::numeric_limits<size_t>::max() / block_bytes) {
    memory = mmap(nullptr, blocks * block_bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    error = errno;
  }
  if (memory == MAP_FAILED) {
    throw Error({.code = ErrorCode::kResourceExhausted,
                 .where = "the KV cache",
                 .what = "cannot reserve " + std::to_string(capacity) + " blocks of " +
                         std::to_string(block_bytes) + " bytes: " + std::strerror(error),
                 .remedy = "give the cache less memory"});
  }
  base_ = static_cast<std::byte*>(memory);
  free_.resize(blocks);
  for (size_t i = 0; i < blocks; ++i) free_[i] = static_cast<int32_t>(blocks - 1 - i);
}

BlockPool::~BlockPool() { munmap(base_, static_cast<size_t>(capacity_) * block_bytes_); }

bool BlockPool::allocate(int count, std::vector<int32_t>& ids) {
  HADAL_CHECK(count >= 0);
  if (count > free_blocks()) return false;
  const auto first = free_.end() - count;
  ids.insert(ids.end(), std::make_reverse_iterator(free_.end()), std::make_reverse_iterator(first));
  free_.erase(first, free_.end());
  return true;
}

void BlockPool::release(std::vector<int32_t>& ids) {
  HADAL_CHECK(free_.size() + ids.size() <= static_cast<size_t>(capacity_));
  free_.insert(free_.end(), ids.rbegin(), ids.rend());
  ids.clear();
}

int blocks_for_sequence(const CacheLayout& layout, int tokens) {
  return layout.state_units + layout.pages_for(tokens);
}

bool reserve_sequence(BlockPool& pool, const CacheLayout& layout, int tokens,
                      SequenceCache& cache) {
  const int state_units = cache.state_units.empty() ? layout.state_units : 0;
  const int pages = std::max(0, layout.pages_for(tokens) - static_cast<int>(cache.pages.size()));
  if (state_units + pages > pool.free_blocks()) return false;
  const bool state_taken = pool.allocate(state_units, cache.state_units);
  const bool pages_taken = pool.allocate(pages, cache.pages);
  HADAL_CHECK(state_taken && pages_taken);
  return true;
}

void release_sequence(BlockPool& pool, SequenceCache& cache) {
  pool.release(cache.pages);
  pool.release(cache.state_units);
  cache.length = 0;
  cache.drafter_length = 0;
}

}  // namespace hadal
