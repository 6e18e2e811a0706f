#include "cache/disk_tier.h"

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "base/error.h"
#include "cache/disk_catalogue.h"
#include "cache/disk_directory.h"
#include "cache/disk_scan.h"
#include "cache/write_retry.h"

namespace hadal {
namespace {

struct WriteJob {
  CacheFileInfo info;
  std::vector<std::byte> payload;
};

// The keys of one model under one secret: no other model's keys, and none of another setting's.
SipKey secret_of(const SipKey& directory_secret, const CacheIdentity& identity) {
  SipHash hash(directory_secret);
  hash.update(std::as_bytes(std::span(&identity.model, 1)));
  hash.update(std::as_bytes(std::span(&identity.layout, 1)));
  hash.update(std::as_bytes(std::span(identity.numerics)));
  const Hash128 key = hash.finish();
  return {.low = key.low, .high = key.high};
}

Hash128 check_of(const SipKey& secret) {
  constexpr std::string_view kText = "the keys of these files";
  return siphash(secret, std::as_bytes(std::span(kText)));
}

}  // namespace

struct DiskTier::Impl {
  Impl(const DiskOptions& disk_options, const CacheIdentity& cache_identity,
       const CacheGeometry& geometry)
      : options(disk_options),
        identity(cache_identity),
        block_bytes(geometry.block_bytes),
        directory(options.directory),
        secret(secret_of(directory.secret(), identity)),
        secret_check(check_of(secret)),
        disk(options.retry_after) {
    scan();
    thread = std::thread([this] { run(); });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work.notify_one();
    thread.join();
  }

  void log(const std::string& what) const {
    if (options.log) options.log(options.directory.string() + ": " + what);
  }

  bool idle() const { return writes.empty() && reads.empty() && touches.empty() && !busy; }

  void scan();
  void run();
  void run_write(WriteJob& job);
  bool make_room(uint64_t bytes);
  void run_read(DiskRead& read);
  bool read_item(DiskReadItem& item);
  bool discard(const CacheFileName& name, const std::string& why);

  const DiskOptions options;
  const CacheIdentity identity;
  const size_t block_bytes;
  DiskDirectory directory;
  const SipKey secret;
  const Hash128 secret_check;

  mutable std::mutex mutex;
  std::condition_variable work;
  mutable std::condition_variable became_idle;
  DiskCatalogue catalogue;
  std::deque<WriteJob> writes;
  std::unordered_set<CacheFileName> writing;  // queued or under way
  size_t queued_bytes = 0;
  std::deque<std::shared_ptr<DiskRead>> reads;
  std::deque<std::vector<CacheFileName>> touches;
  bool busy = false;
  bool stopping = false;
  DiskStatistics statistics;
  WriteRetry disk;
  std::thread thread;
};

void DiskTier::Impl::scan() {
  if (directory.lost_secret()) {
    log("its secret is damaged and has been made anew; the cache files that were made under it are "
        "of no use any more");
  }
  const DiskScan found = scan_directory(directory, {.identity = identity,
                                                    .secret_check = secret_check,
                                                    .block_bytes = block_bytes,
                                                    .log = options.log});
  for (const CacheFileInfo& info : found.usable) catalogue.add(info);
  statistics.damaged = found.removed;
  statistics.foreign = found.left;
  make_room(0);
}

void DiskTier::Impl::run() {
  std::unique_lock lock(mutex);
  while (true) {
    if (idle()) became_idle.notify_all();
    work.wait(lock, [&] { return stopping || !idle(); });
    if (idle()) return;
    busy = true;
    if (!reads.empty()) {
      const std::shared_ptr<DiskRead> read = std::move(reads.front());
      reads.pop_front();
      lock.unlock();
      run_read(*read);
      lock.lock();
    } else if (!touches.empty()) {
      const std::vector<CacheFileName> names = std::move(touches.front());
      touches.pop_front();
      lock.unlock();
      for (const CacheFileName& name : names) directory.mark_used(name);
      lock.lock();
    } else {
      WriteJob job = std::move(writes.front());
      writes.pop_front();
      const bool possible = disk.may_write();
      lock.unlock();
      if (possible) run_write(job);
      lock.lock();
      if (!possible) ++statistics.dropped_writes;
      queued_bytes -= job.payload.size();
      writing.erase({.kind = job.info.kind, .key = job.info.key});
    }
    busy = false;
  }
}

// Deletes until `bytes` more fit. False when they never will.
bool DiskTier::Impl::make_room(uint64_t bytes) {
  if (bytes > options.max_bytes) return false;
  while (true) {
    CacheFileName oldest;
    {
      const std::lock_guard lock(mutex);
      if (catalogue.bytes() + bytes <= options.max_bytes) return true;
      oldest = catalogue.oldest();
      catalogue.forget(oldest);
      ++statistics.deleted;
    }
    directory.remove(oldest);
  }
}

void DiskTier::Impl::run_write(WriteJob& job) {
  if (!make_room(job.info.file_bytes())) {
    const std::lock_guard lock(mutex);
    ++statistics.dropped_writes;
    return;
  }
  job.info.checksum = checksum(job.payload);
  const CacheFileName name{.kind = job.info.kind, .key = job.info.key};
  const int error = directory.write(name, encode_header(job.info), job.payload);
  bool turned = false;  // the disk begins to refuse writes, or to take them again
  {
    const std::lock_guard lock(mutex);
    if (error == 0) {
      catalogue.add(job.info);
      ++statistics.written;
      turned = disk.written();
    } else {
      ++statistics.dropped_writes;
      if (error != EEXIST) turned = disk.refused();
    }
    statistics.writing = !disk.refusing();
  }
  if (error == EEXIST) {
    log("not written, a file that is not hadal's own is in the way: " + file_name(name));
  } else if (turned && error != 0) {
    log("cannot be written (" + std::generic_category().message(error) +
        "); the cache is only read from there until the disk takes writes");
  } else if (turned) {
    log("is written again");
  }
}

void DiskTier::Impl::run_read(DiskRead& read) {
  for (DiskReadItem& item : read.items) {
    item.good = read_item(item);
    if (!item.good) continue;
    directory.mark_used(item.name);
    const std::lock_guard lock(mutex);
    catalogue.refresh(item.name, catalogue.next_use());
    ++statistics.read;
  }
  read.done_.store(true, std::memory_order_release);
  read.done_.notify_all();
}

bool DiskTier::Impl::discard(const CacheFileName& name, const std::string& why) {
  const bool removed = directory.remove(name);
  {
    const std::lock_guard lock(mutex);
    catalogue.forget(name);
    ++(removed ? statistics.damaged : statistics.foreign);
  }
  log(removed ? "removed, " + why + ": cache file " + file_name(name)
              : "left alone, not written by hadal: " + file_name(name));
  return false;
}

bool DiskTier::Impl::read_item(DiskReadItem& item) {
  const int fd = directory.open(item.name);
  if (fd < 0) {
    const std::lock_guard lock(mutex);
    catalogue.forget(item.name);
    return false;
  }
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};

  CacheFileHeader header = {};
  struct stat status = {};
  if (::fstat(fd, &status) != 0 || !read_exactly(fd, header, 0)) {
    return discard(item.name, "shorter than its header");
  }
  const DecodedHeader decoded = decode_header(header);
  const CacheFileInfo& info = decoded.info;
  if (decoded.state != HeaderState::kGood || info.identity != identity ||
      info.secret_check != secret_check || info.block_bytes != block_bytes ||
      CacheFileName{.kind = info.kind, .key = info.key} != item.name) {
    return discard(item.name, "its header is damaged");
  }
  if (info.file_bytes() != static_cast<uint64_t>(status.st_size)) {
    return discard(item.name, "of another size than its header says");
  }
  // With equal keys these differ only if two prefixes collide: a miss of this one.
  if (info.parent != item.parent || info.tokens != item.tokens.size() ||
      info.blocks != item.blocks.size()) {
    return false;
  }
  std::vector<int32_t> tokens(info.tokens);
  uint64_t offset = kCacheFileHeaderBytes;
  Checksum payload;
  const auto load = [&](std::span<std::byte> bytes) {
    if (!read_exactly(fd, bytes, offset)) return false;
    payload.update(bytes);
    offset += bytes.size();
    return true;
  };
  bool whole = load(std::as_writable_bytes(std::span(tokens)));
  for (std::byte* block : item.blocks) whole = whole && load({block, block_bytes});
  if (!whole) return discard(item.name, "cannot be read");
  if (payload.value() != info.checksum) return discard(item.name, "its checksum is wrong");
  item.length = static_cast<int>(info.length);
  item.drafter_rows = static_cast<int>(info.drafter_rows);
  return tokens == item.tokens;
}

DiskTier::DiskTier(const DiskOptions& options, const CacheIdentity& identity,
                   const CacheGeometry& geometry)
    : impl_(std::make_unique<Impl>(options, identity, geometry)) {}

DiskTier::~DiskTier() = default;

const SipKey& DiskTier::secret() const { return impl_->secret; }

bool DiskTier::store(const StoreArgs& args) {
  Impl& impl = *impl_;
  WriteJob job{.info = {.kind = args.name.kind,
                        .identity = impl.identity,
                        .secret_check = impl.secret_check,
                        .key = args.name.key,
                        .parent = args.parent,
                        .length = static_cast<uint32_t>(args.length),
                        .tokens = static_cast<uint32_t>(args.tokens.size()),
                        .drafter_rows = static_cast<uint32_t>(args.drafter_rows),
                        .blocks = static_cast<uint32_t>(args.blocks.size()),
                        .block_bytes = impl.block_bytes,
                        .checksum = {}},
               .payload = {}};
  const uint64_t bytes = job.info.payload_bytes();
  enum class Verdict { kQueue, kThere, kDrop };
  const auto verdict = [&] {
    if (impl.catalogue.has(args.name) || impl.writing.contains(args.name)) {
      return Verdict::kThere;
    }
    const bool room = impl.disk.may_write() && bytes <= impl.options.queue_bytes &&
                      impl.queued_bytes <= impl.options.queue_bytes - bytes;
    if (!room) ++impl.statistics.dropped_writes;
    return room ? Verdict::kQueue : Verdict::kDrop;
  };
  {
    const std::lock_guard lock(impl.mutex);
    if (const Verdict before = verdict(); before != Verdict::kQueue) {
      return before == Verdict::kThere;
    }
  }
  job.payload.reserve(bytes);
  const auto append = [&](std::span<const std::byte> piece) {
    job.payload.insert(job.payload.end(), piece.begin(), piece.end());
  };
  append(std::as_bytes(args.tokens));
  for (const std::byte* block : args.blocks) append({block, impl.block_bytes});
  {
    const std::lock_guard lock(impl.mutex);
    if (const Verdict after = verdict(); after != Verdict::kQueue) return after == Verdict::kThere;
    impl.queued_bytes += bytes;
    impl.writing.insert(args.name);
    impl.writes.push_back(std::move(job));
  }
  impl.work.notify_one();
  return true;
}

bool DiskTier::has(const CacheFileName& name) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->catalogue.has(name);
}

std::vector<DiskCatalogue::Image> DiskTier::images_on(const Hash128& parent) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->catalogue.images_on(parent);
}

std::shared_ptr<DiskRead> DiskTier::read(std::vector<DiskReadItem> items) {
  auto read = std::make_shared<DiskRead>(std::move(items));
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->reads.push_back(read);
  }
  impl_->work.notify_one();
  return read;
}

void DiskTier::touch(std::vector<CacheFileName> names) {
  {
    const std::lock_guard lock(impl_->mutex);
    DiskCatalogue& catalogue = impl_->catalogue;
    const uint64_t used = catalogue.next_use();
    std::erase_if(names, [&](const CacheFileName& name) { return !catalogue.has(name); });
    for (const CacheFileName& name : names) catalogue.refresh(name, used);
    impl_->touches.push_back(std::move(names));
  }
  impl_->work.notify_one();
}

void DiskTier::wait_idle() const {
  std::unique_lock lock(impl_->mutex);
  impl_->became_idle.wait(lock, [&] { return impl_->idle(); });
}

DiskStatistics DiskTier::statistics() const {
  const std::lock_guard lock(impl_->mutex);
  DiskStatistics statistics = impl_->statistics;
  statistics.files = static_cast<int64_t>(impl_->catalogue.files());
  statistics.bytes = impl_->catalogue.bytes();
  return statistics;
}

}  // namespace hadal
