// The directory of the disk tier: its lock, its secret, and single files written whole or not at
// all. No threads and no bookkeeping; those are disk_tier.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cache/cache_file.h"
#include "cache/siphash.h"

namespace hadal {

class DiskDirectory {
 public:
  // Makes the directory where it is missing, locks it against other processes and reads or makes
  // its secret. Throws Error.
  explicit DiskDirectory(const std::filesystem::path& path);
  ~DiskDirectory();
  DiskDirectory(const DiskDirectory&) = delete;
  DiskDirectory& operator=(const DiskDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const SipKey& secret() const { return secret_; }

  struct Found {
    CacheFileName name;
    uint64_t bytes = 0;
    int64_t modified_ns = 0;
    DecodedHeader header;
  };
  // Removes what an interrupted write left, and calls `found` for every file with the name of a
  // cache file.
  void scan(const std::function<void(const Found&)>& found) const;

  // Writes header and payload under a temporary name, flushes and renames. Returns 0 or the errno
  // of what failed; then nothing is left.
  int write(const CacheFileName& name, std::span<const std::byte> header,
            std::span<const std::byte> payload) const;
  void remove(const CacheFileName& name) const;
  void mark_used(const CacheFileName& name) const;

  // A file open for reading; -1 when it cannot be opened (errno tells).
  int open(const CacheFileName& name) const;

 private:
  void lock();
  void load_secret();
  int write_file(const std::string& name, std::span<const std::byte> head,
                 std::span<const std::byte> rest) const;

  std::filesystem::path path_;
  int directory_ = -1;
  int lock_ = -1;
  SipKey secret_;
};

// Fills `bytes` from the file's `offset`. False when the file ends before or cannot be read.
bool read_exactly(int fd, std::span<std::byte> bytes, uint64_t offset);

}  // namespace hadal
