#include "cache/spill_file.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <ranges>
#include <string>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/files.h"
#include "cache/disk_directory.h"

namespace hadal {
namespace {

Hash128 checksum_of(std::span<const std::byte> bytes) {
  return siphash({.low = 0x7370, .high = 0x696c6c}, bytes);
}

}  // namespace

SpillFile::SpillFile(const std::filesystem::path& directory, uint64_t max_bytes, size_t block_bytes)
    : directory_(directory), block_bytes_(block_bytes) {
  HADAL_CHECK(block_bytes > 0);
  std::string name = (directory / "hadal-spill-XXXXXX").string();
  fd_ = ::mkstemp(name.data());
  if (fd_ < 0) throw_system_error(directory, "cannot be used for the spill file", errno);
  ::unlink(name.c_str());
  const auto blocks =
      std::min<uint64_t>(max_bytes / block_bytes, std::numeric_limits<int32_t>::max());
  statistics_.capacity = static_cast<int>(blocks);
  free_.resize(blocks);
  for (size_t i = 0; i < free_.size(); ++i) {
    free_[i] = static_cast<int32_t>(free_.size() - 1 - i);
  }
}

SpillFile::~SpillFile() { ::close(fd_); }

bool SpillFile::write(const BlockPool& pool, int32_t block,
                      std::vector<SpilledSequence::Block>& out) {
  std::span<const std::byte> bytes(pool.view().block(block), block_bytes_);
  const int32_t place = free_.back();
  free_.pop_back();
  out.push_back({.place = place, .checksum = checksum_of(bytes)});
  auto offset = static_cast<off_t>(static_cast<uint64_t>(place) * block_bytes_);
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += n;
  }
  return true;
}

std::optional<SpilledSequence> SpillFile::spill(const BlockPool& pool,
                                                const CacheGeometry& geometry,
                                                const SequenceCache& cache, int first_page) {
  HADAL_CHECK(pool.view().block_bytes == block_bytes_);
  const int end_page = geometry.pages_for(cache.length);
  HADAL_CHECK(first_page >= 0 && first_page <= end_page);
  HADAL_CHECK(end_page <= static_cast<int>(cache.pages.size()));
  const size_t needed = cache.state_units.size() + static_cast<size_t>(end_page - first_page);
  SpilledSequence spilled{
      .first_page = first_page, .length = cache.length, .drafter_length = cache.drafter_length};
  bool whole = needed <= free_.size();
  for (size_t i = 0; whole && i < cache.state_units.size(); ++i) {
    whole = write(pool, cache.state_units[i], spilled.state_units);
  }
  for (int page = first_page; whole && page < end_page; ++page) {
    whole = write(pool, cache.pages[static_cast<size_t>(page)], spilled.pages);
  }
  if (!whole) {
    discard(spilled);
    ++statistics_.refused;
    return std::nullopt;
  }
  ++statistics_.spilled_sequences;
  return spilled;
}

bool SpillFile::read(const SpilledSequence::Block& from, const BlockPool& pool,
                     int32_t block) const {
  const std::span<std::byte> bytes(pool.view().block(block), block_bytes_);
  return read_exactly(fd_, bytes, static_cast<uint64_t>(from.place) * block_bytes_) &&
         checksum_of(bytes) == from.checksum;
}

SpillFile::Outcome SpillFile::restore(const SpilledSequence& spilled, const CacheGeometry& geometry,
                                      BlockPool& pool, SequenceCache& cache) {
  HADAL_CHECK(cache.state_units.empty());
  const size_t kept = cache.pages.size();
  const auto first_page = static_cast<size_t>(spilled.first_page);
  HADAL_CHECK(kept >= first_page && kept - first_page <= spilled.pages.size());
  HADAL_CHECK(static_cast<int>(spilled.state_units.size()) == geometry.state_units);
  if (!reserve_sequence(pool, geometry, spilled.length, cache)) return Outcome::kNoRoom;
  bool whole = true;
  for (size_t i = 0; whole && i < spilled.state_units.size(); ++i) {
    whole = read(spilled.state_units[i], pool, cache.state_units[i]);
  }
  for (size_t i = kept - first_page; whole && i < spilled.pages.size(); ++i) {
    whole = read(spilled.pages[i], pool, cache.pages[first_page + i]);
  }
  discard(spilled);
  if (!whole) {
    release_sequence(pool, cache);
    return Outcome::kLost;
  }
  cache.length = spilled.length;
  cache.drafter_length = spilled.drafter_length;
  ++statistics_.restored_sequences;
  return Outcome::kRestored;
}

void SpillFile::discard(const SpilledSequence& spilled) {
  for (const auto* blocks : {&spilled.pages, &spilled.state_units}) {
    for (const SpilledSequence::Block& block : std::views::reverse(*blocks)) {
      free_.push_back(block.place);
    }
  }
  HADAL_CHECK(static_cast<int>(free_.size()) <= statistics_.capacity);
}

SpillStatistics SpillFile::statistics() const {
  SpillStatistics statistics = statistics_;
  statistics.used = statistics.capacity - static_cast<int>(free_.size());
  return statistics;
}

}  // namespace hadal
