// Room on disk for sequences that had to make way: their state slot and pages go out, and come back
// bit for bit. A thread of its own writes, reads and verifies, one transfer after the other; all
// functions belong to the engine thread, which only hands over references to blocks. The file has
// no name, so nothing is left of it however the program ends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/hash128.h"
#include "cache/block_pool.h"
#include "cache/cache_geometry.h"
#include "cache/sequence_cache.h"
#include "cache/write_retry.h"

namespace hadal {

struct SpillOptions {
  std::filesystem::path directory = {};
  uint64_t max_bytes = 0;  // on disk, taken only as they are used
  // How long after a refused write the disk is asked again.
  std::chrono::milliseconds retry_after{60'000};
  // One line when the disk begins to refuse writes and when it takes them again. On the I/O thread.
  std::function<void(const std::string&)> log = {};
  // Called on the I/O thread before it writes or reads a block. For tests: they may block.
  std::function<void()> before_write = {};
  std::function<void()> before_read = {};
};

struct SpillStatistics {
  int capacity = 0;  // blocks
  int used = 0;
  int64_t spilled_sequences = 0;
  int64_t restored_sequences = 0;
  int64_t refused = 0;  // the file or the disk was full
};

enum class SpillState {
  kWriting,
  kStored,  // at rest in the file
  kReading,
  kRead,  // in memory again, and still in the file
  kLost,  // the disk refused it or gave back something else: compute the sequence again
};

// Blocks on their way between the pool and the file.
struct SpillTransfer;

// A sequence that is in the spill file or on its way. To be given up with SpillFile::discard().
struct SpilledSequence {
  struct Block {
    int32_t place = 0;  // in the file, in blocks
    Hash128 checksum;   // once it is written
  };
  std::vector<Block> blocks = {};  // the state slot, then the pages from the last to first_page
  int first_page = 0;
  int length = 0;
  int drafter_rows = 0;
  SpillState state = SpillState::kWriting;       // as SpillFile::state() last found it
  std::shared_ptr<SpillTransfer> transfer = {};  // kWriting, kReading
  SequenceCache cache = {};                      // kReading, kRead
};

class SpillFile {
 public:
  // `pool` and `geometry` must outlive it. Throws Error when a file cannot be made in the
  // directory.
  SpillFile(const SpillOptions& options, BlockPool& pool, const CacheGeometry& geometry);
  // Ends after the block that is being written or read.
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  // Takes all blocks of `cache` over and leaves it empty; the slot and the pages from first_page on
  // go to the file, and each returns to the pool once it is written (coming_blocks). Returns
  // nothing, and changes nothing, where the file is full or the disk has just refused a write.
  std::optional<SpilledSequence> spill(SequenceCache& cache, int first_page = 0);

  // Where the sequence is by now.
  SpillState state(SpilledSequence& spilled);
  // The same once it is neither kWriting nor kReading: waits for the disk.
  SpillState wait(SpilledSequence& spilled);

  // Starts to read a sequence that is kStored, of which `known_pages` are in memory: those before
  // first_page and perhaps some after it, each with a reference that is taken over. Returns false,
  // and changes nothing, when the pool is short.
  [[nodiscard]] bool load(SpilledSequence& spilled, std::vector<int32_t>& known_pages);
  // Of a sequence that is kRead: what `cache`, which is empty, goes on with. The sequence is in the
  // file no more.
  void take(SpilledSequence& spilled, SequenceCache& cache);
  // Of a sequence that is kReading or kRead: gives its memory back. It is kStored again.
  void unload(SpilledSequence& spilled);
  // Forgets a sequence, wherever it is.
  void discard(SpilledSequence& spilled);

  // Blocks that the I/O thread holds on to and that will be free, or the prefix index's alone, as
  // it goes on, whatever becomes of their sequences.
  int coming_blocks() const;
  // How many references to a block of the pool the I/O thread's transfers account for.
  int references(int32_t id) const;
  // Returns to the pool what the I/O thread has let go of.
  void collect();
  // The same, having waited until that is at least one block; false when none is coming.
  bool wait_for_blocks();
  // The same, having waited until the I/O thread has nothing left to do.
  void wait_idle();

  SpillStatistics statistics() const;

 private:
  void run();
  bool move_block(SpillTransfer& transfer, size_t index);
  int free_places() const;
  int32_t take_place();
  void start(SpilledSequence& spilled, const std::shared_ptr<SpillTransfer>& transfer);
  void leave(const std::shared_ptr<SpillTransfer>& transfer);

  const SpillOptions options_;
  BlockPool& pool_;
  const CacheGeometry& geometry_;
  const CachePoolView memory_;
  int capacity_ = 0;
  int fd_ = -1;
  // Places that were used and are free again, and the first that never was: a file of terabytes
  // costs nothing before it is used.
  std::vector<int32_t> free_;
  int32_t never_used_ = 0;
  std::vector<std::shared_ptr<SpillTransfer>> leaving_;  // those whose blocks are to be returned

  mutable std::mutex mutex_;  // guards all below, and what a SpillTransfer says is guarded
  std::condition_variable work_;
  std::condition_variable progress_;
  std::deque<std::shared_ptr<SpillTransfer>> queue_;
  bool busy_ = false;
  bool stopping_ = false;
  WriteRetry disk_;
  SpillStatistics statistics_;
  std::thread thread_;
};

}  // namespace hadal
