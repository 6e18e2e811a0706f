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
  SpillOptions spill = {};      // no spill file where max_bytes is 0
};

class SequenceMemory {
 public:
  // `geometry` must outlive it. Throws what opening the disk tier and the spill file throws.
  SequenceMemory(const CacheGeometry& geometry, const SequenceMemoryOptions& options);

  const CacheGeometry& geometry() const { return geometry_; }
  BlockPool& pool() { return pool_; }

  enum class Admission {
    kReady,       // it has a slot, what of its prefix was reusable, and there is room for the rest
    kLoading,     // its prefix or its state is being read from disk; it cannot go on yet
    kRoomToCome,  // there is room once the state of those that made way is on disk
    kNoRoom,
  };
  // For a sequence that waits, whether it is new or made way. There must be room for all its tokens
  // and `headroom` blocks, free or evictable; it takes pages only as it fills them (grow), so that
  // what is cached stays of use until then. With `may_wait` it waits for what is on its way from or
  // to disk of this sequence, rather than to answer kLoading.
  Admission admit(Sequence& sequence, int headroom, bool may_wait);
  // Ends all reads from disk for the sequence, which waits; what they brought can then be evicted.
  void settle(Sequence& sequence);
  // Gives back the memory that the state of the waiting sequence is being read into, or was: it
  // stays on disk. False when there is none.
  bool unload(Sequence& sequence);

  enum class Growth {
    kDone,
    kRoomToCome,  // nothing yet: the rest is free once the state of those that made way is on disk
    kNoRoom,
  };
  // Pages up to `tokens`, evicting what nobody uses. `promised`: blocks to come that others wait
  // for already; raised by those that this sequence waits for (kRoomToCome).
  [[nodiscard]] Growth grow(Sequence& sequence, int tokens, int& promised);
  // Waits until the state of those that made way is on disk as far as to free a block. False where
  // none is to come.
  bool wait_for_room();

  // After every commit: shares the pages that are full.
  void committed(Sequence& sequence);
  // Keeps the state at the present length for requests to come, where there is room.
  void take_image(Sequence& sequence);

  // The sequence makes way: its state goes to the spill file, and its memory comes free as it is
  // written; or else to the disk tier. Otherwise it is computed again when it comes back, from what
  // nobody evicted meanwhile.
  void suspend(Sequence& sequence);
  // For good, wherever it is; with `keep` its state stays for requests that begin as it did.
  void release(Sequence& sequence, bool keep);
  // Evicts everything that no sequence holds.
  void evict_all() { prefixes_.index().clear(); }

  PoolStatistics pool_statistics();
  PrefixStatistics prefix_statistics() { return prefixes_.index().statistics(); }
  std::optional<DiskStatistics> disk_statistics() const;
  std::optional<SpillStatistics> spill_statistics() const;
  // Waits until what was stored is on disk.
  void wait_for_disk();

 private:
  Admission admit_spilled(Sequence& sequence, int headroom, bool may_wait);
  bool start(Sequence& sequence);
  int room() const;
  int coming_blocks() const;
  void collect();
  Admission without(int blocks) const;
  bool is_shared(int32_t page) const;
  void lose(Sequence& sequence);

  const CacheGeometry& geometry_;
  const bool reuse_;
  BlockPool pool_;
  std::unique_ptr<DiskTier> disk_;
  PrefixCache prefixes_;
  std::unique_ptr<SpillFile> spill_;
};

}  // namespace hadal
