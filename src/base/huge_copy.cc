#include "base/huge_copy.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/huge_pages.h"
#include "base/input_file.h"
#include "base/machine.h"

namespace hadal {
namespace {

constexpr size_t kMostAtOnce = size_t{256} << 20;  // of addresses that a copy takes twice
constexpr size_t kLargestGap = 2 * kHugePage;      // between ranges that are copied together
constexpr size_t kPiece = kHugePage;               // what a thread reads at once
constexpr size_t kSamples = 64;

struct MergedRange {
  uintptr_t begin = 0;
  uintptr_t end = 0;
};

std::vector<MergedRange> merged(std::vector<std::span<const std::byte>> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.data() < b.data(); });
  std::vector<MergedRange> merged;
  for (const std::span<const std::byte> range : ranges) {
    const auto begin = reinterpret_cast<uintptr_t>(range.data());
    const uintptr_t end = begin + range.size();
    if (!merged.empty() && begin <= merged.back().end + kLargestGap) {
      merged.back().end = std::max(merged.back().end, end);
    } else {
      merged.push_back({begin, end});
    }
  }
  return merged;
}

// Memory of whole huge pages that is given back unless it takes the place of a mapping.
class Region {
 public:
  Region(size_t bytes, const std::filesystem::path& path) : bytes_(bytes) {
    void* const all = mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) {
      throw Error({.code = ErrorCode::kResourceExhausted,
                   .where = path.string(),
                   .what = "cannot be copied into memory: the system refuses " +
                           short_size(static_cast<int64_t>(bytes)) + memory_limit_note(),
                   .remedy =
                       "leave it mapped (--weight-memory mapped), or raise the limits of this "
                       "process (ulimit -v of the shell, LimitAS= of a service)"});
    }
    const auto address = reinterpret_cast<uintptr_t>(all);
    const uintptr_t before = (kHugePage - address % kHugePage) % kHugePage;
    data_ = static_cast<std::byte*>(all) + before;
    if (before > 0) munmap(all, before);
    munmap(data_ + bytes, kHugePage - before);
    advise_huge_pages(data_, bytes);
  }
  ~Region() {
    if (data_ != nullptr) munmap(data_, bytes_);
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  std::byte* data() const { return data_; }

  void take_place_of(std::byte* target, const std::filesystem::path& path) {
    if (mprotect(data_, bytes_, PROT_READ) != 0 ||
        mremap(data_, bytes_, bytes_, MREMAP_MAYMOVE | MREMAP_FIXED, target) == MAP_FAILED) {
      throw_system_error(path, "cannot be replaced by its copy in memory", errno);
    }
    data_ = nullptr;
  }

 private:
  std::byte* data_ = nullptr;
  size_t bytes_;
};

void read_all(const InputFile& file, const std::filesystem::path& path, size_t offset,
              std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t count = pread(file.fd(), out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_system_error(path, "cannot be read", errno);
    if (count == 0) {
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = path.string(),
                   .what = "has become shorter while it was read",
                   .remedy = "start again when nothing writes to it any more"});
    }
    out = out.subspan(static_cast<size_t>(count));
    offset += static_cast<size_t>(count);
  }
}

void advise_file(const InputFile& file, size_t offset, size_t bytes, int advice) {
  posix_fadvise(file.fd(), static_cast<off_t>(offset), static_cast<off_t>(bytes), advice);
}

// Calls body(begin, next) for every piece of `bytes`, and with where its thread goes on after it.
// Neighbours go to different threads, so that every NUMA node holds its part of each layer.
template <typename Body>
void for_pieces(size_t bytes, ThreadPool& pool, const Body& body) {
  const int pieces = static_cast<int>(bytes / kPiece);
  const int threads = pool.threads();
  const int share = (pieces + threads - 1) / threads;
  pool.parallel_for(share * threads, 1, [&](int begin, int end, int) {
    for (int item = begin; item < end; ++item) {
      const int piece = item % share * threads + item / share;
      if (piece >= pieces) continue;
      body(static_cast<size_t>(piece) * kPiece, static_cast<size_t>(piece + threads) * kPiece);
    }
  });
}

// Brings the pages of a mapping into memory.
void touch(const std::byte* data, size_t bytes) {
  constexpr size_t kSmallestPage = 4096;
  unsigned sum = 0;
  for (size_t at = 0; at < bytes; at += kSmallestPage) {
    sum += std::to_integer<unsigned>(*static_cast<const volatile std::byte*>(data + at));
  }
  static_cast<void>(sum);
}

}  // namespace

HugeCopy::HugeCopy(std::span<const MappedFile* const> files,
                   std::vector<std::span<const std::byte>> ranges) {
  const std::vector<MergedRange> wanted = merged(std::move(ranges));
  for (const MappedFile* file : files) {
    const auto first = reinterpret_cast<uintptr_t>(file->bytes().data());
    const uintptr_t last = first + file->bytes().size();
    for (const MergedRange& range : wanted) {
      uintptr_t begin = (std::max(range.begin, first) + kHugePage - 1) / kHugePage * kHugePage;
      const uintptr_t end = std::min(range.end, last) / kHugePage * kHugePage;
      while (begin < end) {
        const size_t bytes = std::min(end - begin, kMostAtOnce);
        extents_.push_back({.file = file, .offset = begin - first, .bytes = bytes});
        bytes_ += bytes;
        begin += bytes;
      }
    }
  }
}

std::vector<HugeCopy::Extent> HugeCopy::samples() const {
  const size_t pages = bytes_ / kHugePage;
  const size_t count = std::min(pages, kSamples);
  std::vector<Extent> samples;
  size_t before = 0;  // pages of earlier extents
  for (const Extent& extent : extents_) {
    const size_t end = before + extent.bytes / kHugePage;
    while (samples.size() < count) {
      const size_t page = pages * samples.size() / count;
      if (page >= end) break;
      samples.push_back({.file = extent.file,
                         .offset = extent.offset + (page - before) * kHugePage,
                         .bytes = kHugePage});
    }
    before = end;
  }
  return samples;
}

double HugeCopy::huge_share() const {
  const std::vector<Extent> places = samples();
  size_t huge = 0;
  for (size_t i = 0; i < places.size();) {
    // A mapping of its own: of what others have read of the file through this one, nothing counts.
    const MappedFile file(places[i].file->path());
    const MappedFile* const original = places[i].file;
    for (; i < places.size() && places[i].file == original; ++i) {
      const size_t middle = places[i].offset + kHugePage / 2;
      if (middle < file.bytes().size()) touch(file.bytes().data() + middle, 1);
    }
    huge += memory_advice(file.bytes().data(), file.bytes().size()).huge_bytes;
  }
  if (places.empty()) return 0;
  return std::min(1.0, static_cast<double>(huge) / static_cast<double>(places.size() * kHugePage));
}

void HugeCopy::drop(std::span<const Extent> extents) {
  for (const Extent& extent : extents) {
    const InputFile file(extent.file->path());
    madvise(extent.address(), extent.bytes, MADV_DONTNEED);
    advise_file(file, extent.offset, extent.bytes, POSIX_FADV_DONTNEED);
  }
}

void HugeCopy::drop_samples() const { drop(samples()); }

void HugeCopy::drop_cached() const { drop(extents_); }

void HugeCopy::read(ThreadPool& threads, const Progress& progress) const {
  uint64_t done = 0;
  for (const Extent& extent : extents_) {
    for_pieces(extent.bytes, threads,
               [&](size_t begin, size_t) { touch(extent.address() + begin, kPiece); });
    done += extent.bytes;
    if (progress) progress(done, bytes_);
  }
}

void HugeCopy::copy(const Extent& extent, const RunArgs& args) {
  const std::filesystem::path& path = extent.file->path();
  const InputFile file(path);
  if (!extent.file->is_open_as(file)) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = path.string(),
                 .what = "was replaced by another file while it was read",
                 .remedy = "start again when nothing writes to it any more"});
  }
  Region region(extent.bytes, path);
  // Pages that are mapped would not leave the cache.
  if (!args.keep_cached) madvise(extent.address(), extent.bytes, MADV_DONTNEED);
  for_pieces(extent.bytes, args.threads, [&](size_t begin, size_t next) {
    const size_t offset = extent.offset + begin;
    if (next < extent.bytes) {
      advise_file(file, extent.offset + next, kPiece, POSIX_FADV_WILLNEED);
    }
    read_all(file, path, offset, {region.data() + begin, kPiece});
    if (!args.keep_cached) advise_file(file, offset, kPiece, POSIX_FADV_DONTNEED);
  });
  region.take_place_of(extent.address(), path);
}

void HugeCopy::run(const RunArgs& args) const {
  uint64_t done = 0;
  for (const Extent& extent : extents_) {
    copy(extent, args);
    done += extent.bytes;
    if (args.progress) args.progress(done, bytes_);
  }
}

}  // namespace hadal
