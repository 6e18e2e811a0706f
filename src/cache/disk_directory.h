// The directory of the disk tier: its lock, its secret, and single files written whole or not at
// all. Files that hadal did not write are neither changed nor removed, whatever their names. No
// threads and no bookkeeping; those are disk_tier.h.
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
  // its secret. Throws Error, also where "lock" or "secret" is there and not hadal's own.
  explicit DiskDirectory(const std::filesystem::path& path);
  ~DiskDirectory();
  DiskDirectory(const DiskDirectory&) = delete;
  DiskDirectory& operator=(const DiskDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const SipKey& secret() const { return secret_; }
  // Whether the secret was damaged and has been made anew, so that older files are of no use.
  bool lost_secret() const { return lost_secret_; }

  struct Found {
    CacheFileName name;
    uint64_t bytes = 0;
    int64_t modified_ns = 0;
    bool is_own = false;  // hadal's, be it damaged
    DecodedHeader header;
  };
  // Removes what an interrupted write left, and calls `found` for every file with the name of a
  // cache file.
  void scan(const std::function<void(const Found&)>& found) const;

  // Writes header and payload under a temporary name, flushes and renames. Returns 0 or the errno
  // of what failed; then nothing is left. EEXIST: a file of that name that is not hadal's own is in
  // the way and stays.
  int write(const CacheFileName& name, std::span<const std::byte> header,
            std::span<const std::byte> payload) const;
  // False where the file is not hadal's own, and stays, or is gone already.
  bool remove(const CacheFileName& name) const;
  void mark_used(const CacheFileName& name) const;

  // A file open for reading; -1 when it cannot be opened (errno tells).
  int open(const CacheFileName& name) const;

 private:
  void lock();
  void load_secret();
  void make_secret();
  bool is_own(const std::string& file) const;
  int write_file(const std::string& name, std::span<const std::byte> head,
                 std::span<const std::byte> rest) const;

  std::filesystem::path path_;
  int directory_ = -1;
  int lock_ = -1;
  SipKey secret_;
  bool lost_secret_ = false;
};

// Fills `bytes` from the file's `offset`. False when the file ends before or cannot be read.
bool read_exactly(int fd, std::span<std::byte> bytes, uint64_t offset);

}  // namespace hadal
