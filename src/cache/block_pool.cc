#include "cache/block_pool.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <ranges>
#include <sys/mman.h>

#include "base/check.h"
#include "base/error.h"
#include "base/huge_pages.h"
#include "base/machine.h"

namespace hadal {

BlockPool::BlockPool(size_t block_bytes, int capacity) : block_bytes_(block_bytes) {
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
                         std::to_string(block_bytes) + " bytes: " + std::strerror(error) +
                         memory_limit_note(),
                 .remedy = "give the cache less memory"});
  }
  base_ = static_cast<std::byte*>(memory);
  advise_huge_pages(base_, blocks * block_bytes);
  statistics_.capacity = capacity;
  blocks_.resize(blocks);
  free_.resize(blocks);
  for (size_t i = 0; i < blocks; ++i) free_[i] = static_cast<int32_t>(blocks - 1 - i);
}

BlockPool::~BlockPool() { munmap(base_, blocks_.size() * block_bytes_); }

PoolStatistics BlockPool::statistics() const {
  PoolStatistics statistics = statistics_;
  statistics.free = free_blocks();
  return statistics;
}

bool BlockPool::allocate(int count, std::vector<int32_t>& ids, BlockKind kind) {
  HADAL_CHECK(count >= 0);
  if (count > free_blocks()) return false;
  const auto first = free_.end() - count;
  ids.insert(ids.end(), std::make_reverse_iterator(free_.end()), std::make_reverse_iterator(first));
  for (auto id = first; id != free_.end(); ++id) {
    blocks_[static_cast<size_t>(*id)] = {.references = 1, .kind = kind};
  }
  free_.erase(first, free_.end());
  statistics_.used[static_cast<size_t>(kind)] += count;
  return true;
}

BlockPool::Block& BlockPool::used_block(int32_t id) {
  HADAL_CHECK(id >= 0 && id < capacity());
  Block& block = blocks_[static_cast<size_t>(id)];
  HADAL_CHECK(block.references > 0);
  return block;
}

void BlockPool::change(Block& block, int references, bool indexed) {
  statistics_.idle -= block.idle() ? 1 : 0;
  block.references = references;
  block.indexed = indexed;
  statistics_.idle += block.idle() ? 1 : 0;
}

void BlockPool::retain(int32_t id) {
  Block& block = used_block(id);
  change(block, block.references + 1, block.indexed);
}

void BlockPool::release(int32_t id) {
  Block& block = used_block(id);
  HADAL_CHECK(block.references > (block.indexed ? 1 : 0));
  change(block, block.references - 1, block.indexed);
  if (block.references > 0) return;
  --statistics_.used[static_cast<size_t>(block.kind)];
  free_.push_back(id);
}

void BlockPool::release(std::vector<int32_t>& ids) {
  for (const int32_t id : std::views::reverse(ids)) release(id);
  ids.clear();
}

void BlockPool::set_kind(int32_t id, BlockKind kind) {
  Block& block = used_block(id);
  --statistics_.used[static_cast<size_t>(block.kind)];
  block.kind = kind;
  ++statistics_.used[static_cast<size_t>(kind)];
}

void BlockPool::set_indexed(int32_t id, bool indexed) {
  Block& block = used_block(id);
  HADAL_CHECK(block.indexed != indexed);
  change(block, block.references, indexed);
}

int blocks_for_sequence(const CacheGeometry& geometry, int tokens) {
  return geometry.state_units + geometry.pages_for(tokens);
}

bool reserve_sequence(BlockPool& pool, const CacheGeometry& geometry, int tokens,
                      SequenceCache& cache) {
  const int state_units = cache.state_units.empty() ? geometry.state_units : 0;
  const int pages = std::max(0, geometry.pages_for(tokens) - static_cast<int>(cache.pages.size()));
  if (state_units + pages > pool.free_blocks()) return false;
  const bool state_taken = pool.allocate(state_units, cache.state_units, BlockKind::kSlot);
  const bool pages_taken = pool.allocate(pages, cache.pages);
  HADAL_CHECK(state_taken && pages_taken);
  return true;
}

void release_sequence(BlockPool& pool, SequenceCache& cache) {
  pool.release(cache.pages);
  pool.release(cache.state_units);
  cache.length = 0;
  cache.drafter_rows = 0;
}

}  // namespace hadal
