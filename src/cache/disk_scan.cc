#include "cache/disk_scan.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

namespace hadal {
namespace {

// Counts what a scan removes or leaves, for one line of log per reason.
class Reasons {
 public:
  void add(const std::string& reason, const CacheFileName& name) {
    auto& [count, example] = counts_[reason];
    if (count++ == 0) example = file_name(name);
  }
  void log(const std::filesystem::path& directory,
           const std::function<void(const std::string&)>& line) const {
    if (!line) return;
    for (const auto& [reason, entry] : counts_) {
      line(directory.string() + ": " + reason + ": " + std::to_string(entry.first) +
           (entry.first == 1 ? " cache file, " : " cache files, the first ") + entry.second);
    }
  }

 private:
  std::map<std::string, std::pair<int64_t, std::string>> counts_;
};

}  // namespace

DiskScan scan_directory(const DiskDirectory& directory, const DiskScanArgs& args) {
  DiskScan scan;
  Reasons reasons;
  std::vector<std::pair<int64_t, CacheFileInfo>> good;
  directory.scan([&](const DiskDirectory::Found& found) {
    const CacheFileInfo& info = found.header.info;
    std::string unusable;
    if (!found.is_own) {
      reasons.add("left alone, not written by hadal", found.name);
      ++scan.left;
      return;
    }
    if (found.header.state == HeaderState::kNewer) {
      reasons.add("left alone, of a newer version", found.name);
      ++scan.left;
      return;
    }
    if (found.header.state == HeaderState::kOlder) {
      unusable = "removed, of an older version";
    } else if (found.header.state == HeaderState::kDamaged ||
               CacheFileName{.kind = info.kind, .key = info.key} != found.name ||
               info.file_bytes() != found.bytes) {
      unusable = "removed, damaged";
    } else if (info.identity != args.identity) {
      reasons.add("left alone, of another model or other settings", found.name);
      ++scan.left;
      return;
    } else if (info.secret_check != args.secret_check || info.block_bytes != args.block_bytes) {
      unusable = "removed, of a secret that is gone";
    }
    if (!unusable.empty()) {
      reasons.add(unusable, found.name);
      directory.remove(found.name);
      ++scan.removed;
      return;
    }
    good.emplace_back(found.modified_ns, info);
  });
  std::sort(good.begin(), good.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first, b.second.length) < std::pair(b.first, a.second.length);
  });
  for (auto& [modified, info] : good) scan.usable.push_back(std::move(info));
  reasons.log(directory.path(), args.log);
  return scan;
}

}  // namespace hadal
