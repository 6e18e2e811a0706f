// Looks through a cache directory once, at the start: which files can be used, which are of no use
// to anybody and go, and which belong to somebody else and stay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cache/cache_file.h"
#include "cache/disk_directory.h"

namespace hadal {

struct DiskScanArgs {
  const CacheIdentity& identity;
  Hash128 secret_check;
  size_t block_bytes = 0;
  std::function<void(const std::string&)> log = {};  // one line for each reason there was
};

struct DiskScan {
  std::vector<CacheFileInfo>
      usable;  // the longest unused first; of those used together the longest
  int64_t removed = 0;
  int64_t left = 0;  // of other models, settings, versions to come or programs
};

DiskScan scan_directory(const DiskDirectory& directory, const DiskScanArgs& args);

}  // namespace hadal
