// The disk tier: pages and state images as files, so that prefixes survive restarts and outgrow the
// memory. One I/O thread writes, reads and deletes; callers only queue. Whatever is wrong with a
// file or the disk is a miss and one line of log, never an error and never a wrong block. Knows
// nothing of the pool: blocks are given and filled as memory. Its functions may be called from any
// thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/cache_file.h"
#include "cache/cache_geometry.h"
#include "cache/disk_catalogue.h"
#include "cache/siphash.h"

namespace hadal {

struct DiskOptions {
  std::filesystem::path directory;  // made when it is not there
  uint64_t max_bytes = 0;           // of all files; the least recently used are deleted
  size_t queue_bytes =
      size_t{64} << 20;  // what waits for the disk; beyond that, writes are dropped
  // How long after a refused write the disk is asked again.
  std::chrono::milliseconds retry_after{60'000};
  // One line each time something is wrong. Called in the constructor and on the I/O thread.
  std::function<void(const std::string&)> log = {};
};

struct DiskStatistics {
  int64_t files = 0;
  uint64_t bytes = 0;
  int64_t written = 0;
  int64_t read = 0;
  int64_t dropped_writes = 0;  // queue full, disk full or too slow, or the name taken
  int64_t deleted = 0;         // to stay within max_bytes
  int64_t damaged = 0;         // files removed because they could not be used
  int64_t foreign = 0;         // files of other models, settings or programs, left alone
  bool writing = true;         // false while the disk refuses writes
};

// What to read: filled by the I/O thread once done() of its DiskRead.
struct DiskReadItem {
  CacheFileName name;
  Hash128 parent;
  std::vector<int32_t> tokens;     // must be those of the file
  std::vector<std::byte*> blocks;  // where its blocks go; not to be touched until done()
  // Results.
  bool good = false;  // only then the blocks mean anything
  int length = 0;
  int drafter_rows = 0;
};

class DiskRead {
 public:
  explicit DiskRead(std::vector<DiskReadItem> read_items) : items(std::move(read_items)) {}
  bool done() const { return done_.load(std::memory_order_acquire); }
  void wait() const { done_.wait(false, std::memory_order_acquire); }

  std::vector<DiskReadItem> items;

 private:
  friend class DiskTier;
  std::atomic<bool> done_ = false;
};

class DiskTier {
 public:
  // Opens the directory and reads the headers of its files. Throws Error when it cannot be used
  // at all: not writable, or in use by another process (kUnavailable).
  DiskTier(const DiskOptions& options, const CacheIdentity& identity,
           const CacheGeometry& geometry);
  // Writes what is queued, at most queue_bytes.
  ~DiskTier();
  DiskTier(const DiskTier&) = delete;
  DiskTier& operator=(const DiskTier&) = delete;

  // For PrefixChain: kept in the directory, readable by its owner only, and mixed with the
  // identity, so that every model has keys of its own.
  const SipKey& secret() const;

  // What to write. The memory is copied before store() returns.
  struct StoreArgs {
    CacheFileName name;
    Hash128 parent;
    int length = 0;
    int drafter_rows = 0;
    std::span<const int32_t> tokens;
    std::span<const std::byte* const> blocks;
  };
  // False when it is dropped: the queue is full or the disk has just refused a write. True also
  // when the file is there already or waits to be written.
  bool store(const StoreArgs& args);

  bool has(const CacheFileName& name) const;

  // The images that build on the pages of key `parent`, longest first.
  std::vector<DiskCatalogue::Image> images_on(const Hash128& parent) const;

  // Starts reading; the result must be kept until it is done().
  std::shared_ptr<DiskRead> read(std::vector<DiskReadItem> items);

  // Marks files as used just now; of those marked together the longest goes first.
  void touch(std::vector<CacheFileName> names);

  // Returns when nothing is queued any more.
  void wait_idle() const;
  DiskStatistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
