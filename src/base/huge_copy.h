// Bytes of mapped files that are read over and over, in huge pages: where the system keeps a file
// in pages of 4 KiB, a step over gigabytes of weights waits for page tables more than for memory.
// The addresses stay what they are. Knows nothing of how much memory there is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/mapped_file.h"
#include "base/thread_pool.h"

namespace hadal {

class HugeCopy {
 public:
  // What lies within `files`, which must outlive this, of `ranges`, in any order; bytes between two
  // of them count too where they are few. Only whole huge pages: the edges stay as they are.
  HugeCopy(std::span<const MappedFile* const> files,
           std::vector<std::span<const std::byte>> ranges);

  uint64_t bytes() const { return bytes_; }

  // The share of bytes() that a mapping of the files gets in huge pages, by samples of 2 MiB, which
  // are read. 0 where there is nothing, or the system does not tell.
  double huge_share() const;

  // Takes the samples, or everything, out of the system's cache, so that a file system that can
  // keep files in huge pages reads them into such. Pages stay that are not written yet, or that
  // another process has mapped.
  void drop_samples() const;
  void drop_cached() const;

  // Hears the bytes done and their total; may be empty.
  using Progress = std::function<void(uint64_t done_bytes, uint64_t total_bytes)>;

  // Reads everything through the mappings, so that it is in memory where there is room.
  void read(ThreadPool& threads, const Progress& progress) const;

  struct RunArgs {
    ThreadPool& threads;
    bool keep_cached = false;  // whether the system's own copy may stay in its cache
    Progress progress = {};
  };
  // Copies everything into memory of this process, which takes the place of the mappings, a part at
  // a time. Nobody may read the files meanwhile. Throws Error kResourceExhausted when the system
  // refuses the memory, kInvalidFile where a file has changed or cannot be read; then some parts
  // are copied and others are not, which makes no difference to what they hold.
  void run(const RunArgs& args) const;

 private:
  // A part of a file whose address is a multiple of kHugePage.
  struct Extent {
    const MappedFile* file = nullptr;
    size_t offset = 0;
    size_t bytes = 0;

    std::byte* address() const { return const_cast<std::byte*>(file->bytes().data()) + offset; }
  };

  std::vector<Extent> samples() const;
  static void drop(std::span<const Extent> extents);
  static void copy(const Extent& extent, const RunArgs& args);

  std::vector<Extent> extents_;  // file by file, ascending
  uint64_t bytes_ = 0;
};

}  // namespace hadal
