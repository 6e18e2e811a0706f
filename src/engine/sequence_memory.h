// The memory of sequences: the block pool, and around it what makes it go further: the prefix
// cache with its disk tier, and the spill file. Gives sequences their blocks, their reusable
// prefixes and their state back after they made way. Decides nothing about whose turn it is; that
// is the scheduler's. Belongs to the engine thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cache/block_pool.h"
#include "cache/cache_geometry.h"
#include "cache/disk_tier.h"
#include "cache/prefix_cache.h"
#include "cache/spill_file.h"
#include "engine/sequence.h"

namespace hadal {

struct SequenceMemoryOptions {
  int blocks = 0;               // of the pool
  bool reuse = true;            // keep prefixes for later requests
  DiskOptions disk = {};        // no disk tier where max_bytes is 0
  CacheIdentity identity = {};  // for the disk tier
  uint64_t spill_bytes = 0;     // of the spill file; 0: none
  std::filesystem::path spill_directory = {};
};

class SequenceMemory {
 public:
  // `layout` must outlive it. Throws what opening the disk tier and the spill file throws.
  SequenceMemory(const CacheGeometry& layout, const SequenceMemoryOptions& options);

  const CacheGeometry& layout() const { return layout_; }
  BlockPool& pool() { return pool_; }

  enum class Admission {
    kReady,    // it has a slot, what of its prefix was reusable, and there is room for the rest
    kLoading,  // its prefix is being read from disk; it holds no slot yet
    kNoRoom,
  };
  // For a sequence that waits, whether it is new or made way. There must be room for all its tokens
  // and `headroom` blocks, free or evictable; it takes pages only as it fills them (grow), so that
  // what is cached stays of use until then. `may_wait`: for the disk, rather than to answer
  // kLoading.
  Admission admit(Sequence& sequence, int headroom, bool may_wait);
  // Ends all reads from disk for the sequence; what they brought can then be evicted.
  void settle(Sequence& sequence);

  // Pages up to `tokens`, evicting what nobody uses. False when the pool is short.
  [[nodiscard]] bool grow(Sequence& sequence, int tokens);

  // After every commit: shares the pages that are full.
  void committed(Sequence& sequence);
  // Keeps the state at the present length for requests to come, where there is room.
  void take_image(Sequence& sequence);

  // The sequence makes way: its state goes to the spill file, or else to the disk tier. Otherwise
  // it is computed again when it comes back, from what nobody evicted meanwhile.
  void suspend(Sequence& sequence);
  // For good, wherever it is; with `keep` its state stays for requests that begin as it did.
  void release(Sequence& sequence, bool keep);
  // Evicts everything that no sequence holds.
  void evict_all() { prefixes_.index().clear(); }

  PoolStatistics pool_statistics() const { return pool_.statistics(); }
  PrefixStatistics prefix_statistics() { return prefixes_.index().statistics(); }
  std::optional<DiskStatistics> disk_statistics() const;
  std::optional<SpillStatistics> spill_statistics() const;
  // Waits until what was stored is on disk.
  void wait_for_disk() const;

 private:
  enum class Restored { kYes, kNoRoom, kLost };
  Restored restore(Sequence& sequence, int headroom);
  bool start(Sequence& sequence);
  bool has_room(int blocks) const;

  const CacheGeometry& layout_;
  const bool reuse_;
  BlockPool pool_;
  std::unique_ptr<DiskTier> disk_;
  PrefixCache prefixes_;
  std::unique_ptr<SpillFile> spill_;
};

}  // namespace hadal
