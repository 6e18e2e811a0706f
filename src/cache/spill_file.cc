#include "cache/spill_file.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <ranges>
#include <string>
#include <unistd.h>
#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/files.h"
#include "cache/disk_directory.h"

namespace hadal {

namespace {

bool write_exactly(int fd, std::span<const std::byte> bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return true;
}

}  // namespace

struct SpillTransfer {
  bool writes = false;
  std::vector<int32_t> ids;   // in the pool
  std::vector<int32_t> held;  // pages before them that must not be evicted before they are
  size_t returned = 0;        // of `ids`, to the pool; the engine thread's
  // Checksums of a write are the I/O thread's until it is done; the rest is constant.
  std::vector<SpilledSequence::Block> blocks;
  // Guarded.
  size_t moved = 0;  // of `ids`: the I/O thread has no more to do with them
  bool abandoned = false;
  bool failed = false;
  bool done = false;
};

SpillFile::SpillFile(const SpillOptions& options, BlockPool& pool, const CacheGeometry& geometry)
    : options_(options),
      pool_(pool),
      geometry_(geometry),
      memory_(pool.view()),
      disk_(options.retry_after) {
  std::string name = (options.directory / "hadal-spill-XXXXXX").string();
  fd_ = ::mkstemp(name.data());
  if (fd_ < 0) throw_system_error(options.directory, "cannot be used for the spill file", errno);
  ::unlink(name.c_str());
  capacity_ = static_cast<int>(std::min<uint64_t>(options.max_bytes / memory_.block_bytes,
                                                  std::numeric_limits<int32_t>::max()));
  thread_ = std::thread([this] { run(); });
}

SpillFile::~SpillFile() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  thread_.join();
  for (const auto& transfer : leaving_) transfer->done = true;
  collect();
  ::close(fd_);
}

std::optional<SpilledSequence> SpillFile::spill(SequenceCache& cache, int first_page) {
  const int end_page = geometry_.pages_for(cache.length);
  HADAL_CHECK(first_page >= 0 && first_page <= end_page);
  HADAL_CHECK(end_page <= static_cast<int>(cache.pages.size()));
  const size_t needed = cache.state_units.size() + static_cast<size_t>(end_page - first_page);
  {
    const std::lock_guard lock(mutex_);
    if (!disk_.may_write() || needed > static_cast<size_t>(free_places())) {
      ++statistics_.refused;
      return std::nullopt;
    }
  }
  SpilledSequence spilled{
      .first_page = first_page, .length = cache.length, .drafter_rows = cache.drafter_rows};
  auto transfer = std::make_shared<SpillTransfer>();
  transfer->writes = true;
  transfer->ids = std::move(cache.state_units);
  // The last page first, and those before first_page last of all: the prefix index evicts from the
  // leaves up.
  for (int page = end_page - 1; page >= first_page; --page) {
    transfer->ids.push_back(cache.pages[static_cast<size_t>(page)]);
  }
  transfer->held.assign(cache.pages.begin(), cache.pages.begin() + first_page);
  cache.pages.erase(cache.pages.begin(), cache.pages.begin() + end_page);
  cache.state_units.clear();
  release_sequence(pool_, cache);
  for (size_t i = 0; i < needed; ++i) {
    spilled.blocks.push_back({.place = take_place(), .checksum = {}});
  }
  transfer->blocks = spilled.blocks;
  leaving_.push_back(transfer);
  spilled.state = SpillState::kWriting;
  start(spilled, transfer);
  return spilled;
}

int SpillFile::free_places() const {
  return static_cast<int>(free_.size()) + capacity_ - never_used_;
}

int32_t SpillFile::take_place() {
  if (free_.empty()) return never_used_++;
  const int32_t place = free_.back();
  free_.pop_back();
  return place;
}

void SpillFile::start(SpilledSequence& spilled, const std::shared_ptr<SpillTransfer>& transfer) {
  spilled.transfer = transfer;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(transfer);
  }
  work_.notify_one();
}

SpillState SpillFile::state(SpilledSequence& spilled) {
  if (spilled.transfer == nullptr) return spilled.state;
  {
    const std::lock_guard lock(mutex_);
    if (!spilled.transfer->done) return spilled.state;
  }
  const std::shared_ptr<SpillTransfer> transfer = std::move(spilled.transfer);
  spilled.transfer = nullptr;
  if (transfer->writes) {
    spilled.blocks = std::move(transfer->blocks);
    spilled.state = transfer->failed ? SpillState::kLost : SpillState::kStored;
  } else if (transfer->failed) {
    spilled.state = SpillState::kLost;
    release_sequence(pool_, spilled.cache);
  } else {
    spilled.state = SpillState::kRead;
  }
  return spilled.state;
}

SpillState SpillFile::wait(SpilledSequence& spilled) {
  if (spilled.transfer != nullptr) {
    std::unique_lock lock(mutex_);
    progress_.wait(lock, [&] { return spilled.transfer->done; });
  }
  return state(spilled);
}

bool SpillFile::load(SpilledSequence& spilled, std::vector<int32_t>& known_pages) {
  HADAL_CHECK(spilled.state == SpillState::kStored && spilled.cache.pages.empty());
  const int end_page = geometry_.pages_for(spilled.length);
  const auto known = static_cast<int>(known_pages.size());
  HADAL_CHECK(known >= spilled.first_page && known <= end_page);
  spilled.cache.pages.swap(known_pages);
  if (!reserve_sequence(pool_, geometry_, spilled.length, spilled.cache)) {
    spilled.cache.pages.swap(known_pages);
    return false;
  }
  auto transfer = std::make_shared<SpillTransfer>();
  transfer->ids = spilled.cache.state_units;
  for (int page = end_page - 1; page >= known; --page) {
    transfer->ids.push_back(spilled.cache.pages[static_cast<size_t>(page)]);
  }
  HADAL_CHECK(transfer->ids.size() <= spilled.blocks.size());
  transfer->blocks.assign(
      spilled.blocks.begin(),
      spilled.blocks.begin() + static_cast<std::ptrdiff_t>(transfer->ids.size()));
  spilled.state = SpillState::kReading;
  start(spilled, transfer);
  return true;
}

void SpillFile::take(SpilledSequence& spilled, SequenceCache& cache) {
  HADAL_CHECK(spilled.state == SpillState::kRead);
  HADAL_CHECK(cache.pages.empty() && cache.state_units.empty());
  cache = std::exchange(spilled.cache, {});
  cache.length = spilled.length;
  cache.drafter_rows = spilled.drafter_rows;
  {
    const std::lock_guard lock(mutex_);
    ++statistics_.restored_sequences;
  }
  discard(spilled);
}

// The I/O thread is to let go of the transfer's blocks as soon as it can, and whatever it has of
// them then goes back to the pool.
void SpillFile::leave(const std::shared_ptr<SpillTransfer>& transfer) {
  {
    const std::lock_guard lock(mutex_);
    transfer->abandoned = true;
    if (std::erase(queue_, transfer) > 0) transfer->done = true;
  }
  if (!transfer->writes) leaving_.push_back(transfer);
  collect();
}

void SpillFile::unload(SpilledSequence& spilled) {
  HADAL_CHECK(spilled.state == SpillState::kReading || spilled.state == SpillState::kRead);
  if (const auto transfer = std::exchange(spilled.transfer, nullptr)) {
    // The pages that were in memory before are only read by anyone; the others are being written.
    const auto fresh = static_cast<std::ptrdiff_t>(transfer->ids.size()) -
                       static_cast<std::ptrdiff_t>(spilled.cache.state_units.size());
    spilled.cache.pages.erase(spilled.cache.pages.end() - fresh, spilled.cache.pages.end());
    spilled.cache.state_units.clear();
    leave(transfer);
  }
  release_sequence(pool_, spilled.cache);
  spilled.state = SpillState::kStored;
}

void SpillFile::discard(SpilledSequence& spilled) {
  if (state(spilled) == SpillState::kReading || spilled.state == SpillState::kRead) {
    unload(spilled);
  }
  if (const auto transfer = std::exchange(spilled.transfer, nullptr)) leave(transfer);
  // Transfers go one after the other: what is still under way here is over before another begins to
  // use these places.
  for (const SpilledSequence::Block& block : std::views::reverse(spilled.blocks)) {
    free_.push_back(block.place);
  }
  HADAL_CHECK(free_places() <= capacity_);
  spilled = {};
}

int SpillFile::coming_blocks() const {
  size_t blocks = 0;
  for (const auto& transfer : leaving_) blocks += transfer->ids.size() - transfer->returned;
  return static_cast<int>(blocks);
}

int SpillFile::references(int32_t id) const {
  std::ptrdiff_t count = 0;
  for (const auto& transfer : leaving_) {
    count += std::ranges::count(transfer->ids | std::views::drop(transfer->returned), id);
    count += std::ranges::count(transfer->held, id);
  }
  return static_cast<int>(count);
}

void SpillFile::collect() {
  if (leaving_.empty()) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(leaving_, [&](const std::shared_ptr<SpillTransfer>& transfer) {
    const size_t over = transfer->done ? transfer->ids.size() : transfer->moved;
    for (; transfer->returned < over; ++transfer->returned) {
      pool_.release(transfer->ids[transfer->returned]);
    }
    if (!transfer->done) return false;
    pool_.release(transfer->held);
    return true;
  });
}

bool SpillFile::wait_for_blocks() {
  if (leaving_.empty()) return false;
  {
    std::unique_lock lock(mutex_);
    progress_.wait(lock, [&] {
      return std::ranges::any_of(leaving_, [](const std::shared_ptr<SpillTransfer>& transfer) {
        return transfer->done || transfer->moved > transfer->returned;
      });
    });
  }
  collect();
  return true;
}

void SpillFile::wait_idle() {
  {
    std::unique_lock lock(mutex_);
    progress_.wait(lock, [&] { return queue_.empty() && !busy_; });
  }
  collect();
}

SpillStatistics SpillFile::statistics() const {
  const std::lock_guard lock(mutex_);
  SpillStatistics statistics = statistics_;
  statistics.capacity = capacity_;
  statistics.used = capacity_ - free_places();
  return statistics;
}

void SpillFile::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<SpillTransfer> transfer = std::move(queue_.front());
    queue_.pop_front();
    busy_ = true;
    bool good = true;
    while (good && transfer->moved < transfer->ids.size() && !transfer->abandoned && !stopping_) {
      const size_t index = transfer->moved;
      lock.unlock();
      good = move_block(*transfer, index);
      lock.lock();
      if (good) ++transfer->moved;
      progress_.notify_all();
    }
    transfer->failed = transfer->moved < transfer->ids.size();
    transfer->done = true;
    bool turned = false;  // the disk begins to refuse writes, or to take them again
    if (transfer->writes && !good) {
      turned = disk_.refused();
      ++statistics_.refused;
    } else if (transfer->writes && !transfer->failed) {
      turned = disk_.written();
      ++statistics_.spilled_sequences;
    }
    busy_ = false;
    progress_.notify_all();
    if (turned && options_.log) {
      // Unlocked: a log that blocks must not hold up the engine thread.
      lock.unlock();
      const std::string file = "the spill file in " + options_.directory.string();
      options_.log(good ? file + " is written again"
                        : "a write to " + file +
                              " failed; requests that make way are computed again until the disk "
                              "takes writes");
      lock.lock();
    }
  }
}

// On the I/O thread.
bool SpillFile::move_block(SpillTransfer& transfer, size_t index) {
  const std::span<std::byte> bytes(memory_.block(transfer.ids[index]), memory_.block_bytes);
  SpilledSequence::Block& block = transfer.blocks[index];
  const uint64_t offset = static_cast<uint64_t>(block.place) * memory_.block_bytes;
  if (transfer.writes) {
    if (options_.before_write) options_.before_write();
    block.checksum = checksum(bytes);
    return write_exactly(fd_, bytes, offset);
  }
  if (options_.before_read) options_.before_read();
  return read_exactly(fd_, bytes, offset) && checksum(bytes) == block.checksum;
}

}  // namespace hadal
