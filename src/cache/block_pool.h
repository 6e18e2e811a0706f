// The one pool of cache memory: blocks of one size for pages, state slots and state images alike.
// Hands out ids and counts who refers to them; knows nothing of what is stored. Not thread-safe: it
// belongs to the engine thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cache/cache_geometry.h"
#include "cache/sequence_cache.h"

namespace hadal {

// What a block in use holds.
enum class BlockKind : uint8_t {
  kPage,   // compressed entries of page_tokens tokens
  kSlot,   // the state of a sequence
  kImage,  // a copy of a state slot, or of the unfinished page beside it
};
constexpr int kBlockKinds = 3;

struct PoolStatistics {
  int capacity = 0;
  int free = 0;
  std::array<int, kBlockKinds> used = {};  // by BlockKind; a shared block counts once
  int idle = 0;                            // used blocks that only the prefix index refers to

  int used_by(BlockKind kind) const { return used[static_cast<size_t>(kind)]; }
};

class BlockPool {
 public:
  // Reserves address space for `capacity` blocks; memory is touched only as blocks are used.
  // Throws Error kResourceExhausted when the system refuses.
  BlockPool(size_t block_bytes, int capacity);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  int capacity() const { return statistics_.capacity; }
  int free_blocks() const { return static_cast<int>(free_.size()); }
  CachePoolView view() const { return {base_, block_bytes_}; }
  PoolStatistics statistics() const;

  // Appends `count` block ids to `ids`, each with one reference. Returns false, and takes none,
  // when fewer are free.
  [[nodiscard]] bool allocate(int count, std::vector<int32_t>& ids,
                              BlockKind kind = BlockKind::kPage);
  // One more reference to a block in use.
  void retain(int32_t id);
  // One reference less to each; a block without references is free. Empties `ids`.
  void release(std::vector<int32_t>& ids);
  void release(int32_t id);
  // What a block in use holds from now on.
  void set_kind(int32_t id, BlockKind kind);
  int references(int32_t id) const { return blocks_[static_cast<size_t>(id)].references; }

  // For the prefix index: whether one of the references to `id` is the index's own. A block whose
  // only reference is that one counts as idle; release() ends it.
  void set_indexed(int32_t id, bool indexed);

 private:
  struct Block {
    int32_t references = 0;
    BlockKind kind = BlockKind::kPage;
    bool indexed = false;

    bool idle() const { return indexed && references == 1; }
  };
  Block& used_block(int32_t id);
  void change(Block& block, int references, bool indexed);

  std::byte* base_ = nullptr;
  size_t block_bytes_ = 0;
  PoolStatistics statistics_;
  std::vector<int32_t> free_;  // a stack: recently used memory is reused first
  std::vector<Block> blocks_;
};

// Blocks that a sequence of `tokens` tokens needs: its pages and its state slot.
int blocks_for_sequence(const CacheGeometry& geometry, int tokens);

// Gives `cache` a state slot (once) and pages up to `tokens` tokens. Returns false, and takes
// nothing, when the pool is short.
[[nodiscard]] bool reserve_sequence(BlockPool& pool, const CacheGeometry& geometry, int tokens,
                                    SequenceCache& cache);
// Gives up the references of `cache` and makes it empty.
void release_sequence(BlockPool& pool, SequenceCache& cache);

}  // namespace hadal
