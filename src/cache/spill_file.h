// Room on disk for sequences that had to make way: their state slot and pages go out, and come back
// bit for bit. The file has no name, so nothing is left of it however the program ends. Belongs to
// the engine thread, which waits for the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "cache/block_pool.h"
#include "cache/cache_geometry.h"
#include "cache/sequence_cache.h"
#include "cache/siphash.h"

namespace hadal {

// A sequence that is in the spill file. Copies of it are the same sequence.
struct SpilledSequence {
  struct Block {
    int32_t place = 0;  // in the file, in blocks
    Hash128 checksum;
  };
  std::vector<Block> state_units = {};
  std::vector<Block> pages = {};  // from first_page on, those that hold committed tokens
  int first_page = 0;
  int length = 0;
  int drafter_length = 0;
};

struct SpillStatistics {
  int capacity = 0;  // blocks
  int used = 0;
  int64_t spilled_sequences = 0;
  int64_t restored_sequences = 0;
  int64_t refused = 0;  // the file or the disk was full
};

class SpillFile {
 public:
  // At most `max_bytes` on disk, taken only as they are used. Throws Error when a file cannot be
  // made in `directory`.
  SpillFile(const std::filesystem::path& directory, uint64_t max_bytes, size_t block_bytes);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  // Copies out the slot of `cache` and its pages from `first_page` on; what `cache` holds stays
  // its own. Returns nothing when the file or the disk is full.
  std::optional<SpilledSequence> spill(const BlockPool& pool, const CacheGeometry& geometry,
                                       const SequenceCache& cache, int first_page = 0);

  enum class Outcome {
    kRestored,
    kNoRoom,  // the pool is short: try again later
    kLost,    // the disk gave back something else: compute the sequence again
  };
  // Gives `cache`, which holds the pages before spilled.first_page and perhaps some after it, but
  // nothing else, its slot and the other pages, and its lengths. The sequence is in the file no
  // more, unless kNoRoom.
  Outcome restore(const SpilledSequence& spilled, const CacheGeometry& geometry, BlockPool& pool,
                  SequenceCache& cache);
  // Forgets a sequence, for example one that was cancelled.
  void discard(const SpilledSequence& spilled);

  SpillStatistics statistics() const;

 private:
  bool write(const BlockPool& pool, int32_t block, std::vector<SpilledSequence::Block>& out);
  bool read(const SpilledSequence::Block& from, const BlockPool& pool, int32_t block) const;

  std::filesystem::path directory_;
  size_t block_bytes_;
  int fd_ = -1;
  std::vector<int32_t> free_;  // a stack, the beginning of the file on top
  SpillStatistics statistics_;
};

}  // namespace hadal
