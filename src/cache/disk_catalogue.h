// What files the disk tier has, how long ago each was used, and which images build on which pages.
// In memory only: no files, no threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "cache/cache_file.h"

namespace hadal {

class DiskCatalogue {
 public:
  // Adds a file that was used just now, or replaces what was known of it.
  void add(const CacheFileInfo& info);
  void forget(const CacheFileName& name);
  bool has(const CacheFileName& name) const { return entries_.contains(name); }

  // A time later than all before it.
  uint64_t next_use() { return ++clock_; }
  // The file, if there is one, was used at a time that next_use() gave.
  void refresh(const CacheFileName& name, uint64_t used);
  // The next to be deleted: of those used together, the longest. There must be a file.
  const CacheFileName& oldest() const;

  struct Image {
    CacheFileName name;
    int length = 0;
    int tail = 0;  // tokens
    int blocks = 0;
  };
  // The images that build on the pages of key `parent`, longest first.
  std::vector<Image> images_on(const Hash128& parent) const;

  size_t files() const { return entries_.size(); }
  uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    uint64_t bytes = 0;
    uint64_t used = 0;
    uint32_t length = 0;
    uint32_t tail = 0;
    uint32_t blocks = 0;
    Hash128 parent;
  };
  // The first is the next to be deleted.
  using Age = std::tuple<uint64_t, uint32_t, CacheFileName>;
  static Age age_of(const CacheFileName& name, const Entry& entry);

  std::unordered_map<CacheFileName, Entry> entries_;
  std::unordered_multimap<Hash128, CacheFileName> images_;  // by their parent
  std::set<Age> ages_;
  uint64_t clock_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace hadal
