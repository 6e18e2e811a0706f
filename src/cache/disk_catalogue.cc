#include "cache/disk_catalogue.h"

#include <algorithm>

#include "base/check.h"

namespace hadal {

DiskCatalogue::Age DiskCatalogue::age_of(const CacheFileName& name, const Entry& entry) {
  return {entry.used, ~entry.length, name};
}

void DiskCatalogue::add(const CacheFileInfo& info) {
  const CacheFileName name{.kind = info.kind, .key = info.key};
  forget(name);
  const Entry entry{.bytes = info.file_bytes(),
                    .used = next_use(),
                    .length = info.length,
                    .tail = info.tokens,
                    .blocks = info.blocks,
                    .parent = info.parent};
  entries_.emplace(name, entry);
  ages_.insert(age_of(name, entry));
  if (name.kind == CacheFileKind::kImage) images_.emplace(info.parent, name);
  bytes_ += entry.bytes;
}

void DiskCatalogue::forget(const CacheFileName& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  ages_.erase(age_of(name, found->second));
  if (name.kind == CacheFileKind::kImage) {
    const auto [first, last] = images_.equal_range(found->second.parent);
    const auto image =
        std::find_if(first, last, [&](const auto& own) { return own.second == name; });
    HADAL_CHECK(image != last);
    images_.erase(image);
  }
  bytes_ -= found->second.bytes;
  entries_.erase(found);
}

void DiskCatalogue::refresh(const CacheFileName& name, uint64_t used) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  ages_.erase(age_of(name, found->second));
  found->second.used = used;
  ages_.insert(age_of(name, found->second));
}

const CacheFileName& DiskCatalogue::oldest() const {
  HADAL_CHECK(!ages_.empty());
  return std::get<CacheFileName>(*ages_.begin());
}

std::vector<DiskCatalogue::Image> DiskCatalogue::images_on(const Hash128& parent) const {
  std::vector<Image> found;
  const auto [first, last] = images_.equal_range(parent);
  for (auto image = first; image != last; ++image) {
    const Entry& entry = entries_.at(image->second);
    found.push_back({.name = image->second,
                     .length = static_cast<int>(entry.length),
                     .tail = static_cast<int>(entry.tail),
                     .blocks = static_cast<int>(entry.blocks)});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.length > b.length; });
  return found;
}

}  // namespace hadal
