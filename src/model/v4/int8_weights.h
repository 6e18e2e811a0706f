// The int8 form of a model's FP8 weights and of the head that its drafter guesses with, made once:
// kept in a file that is mapped from then on (large models), or in memory (small ones, or where no
// file can be written). The FP8 originals are not touched again, so that their pages leave memory
// when it is needed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/aligned_buffer.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "model/v4/weights.h"

namespace hadal {

struct Int8WeightsOptions {
  // Where the file is kept; empty: no file, always in memory.
  std::filesystem::path cache_directory = {};
  // Weights smaller than this are made anew in memory each time.
  size_t least_file_bytes = size_t{256} << 20;
  std::function<void(const char* what, uint64_t done_bytes, uint64_t total_bytes)> progress = {};
  // Hears why a cache file was not used or not written; the weights are made all the same.
  std::function<void(const std::string& message)> notice = {};
};

class Int8Weights {
 public:
  // Finds or makes the int8 form of all FP8 matrices of `weights`, and of draft_output where there
  // is a drafter, and attaches it to them. Must live as long as they are used.
  static std::unique_ptr<Int8Weights> attach(ModelWeights& weights, ThreadPool& threads,
                                             const Int8WeightsOptions& options);

  bool in_file() const { return !file_.bytes().empty(); }
  const MappedFile& file() const { return file_; }
  size_t bytes() const { return bytes_; }

 private:
  MappedFile file_;
  AlignedBuffer<std::byte> memory_;
  size_t bytes_ = 0;
};

}  // namespace hadal
