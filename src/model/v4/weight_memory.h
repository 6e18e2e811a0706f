// Where the weights lie that steps read: in the mapped files, or copied into huge pages where the
// system caches the files in small ones. Decides between them; the copying is base/huge_copy.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/machine.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "model/v4/weights.h"

namespace hadal {

enum class WeightMemory {
  kAuto,    // copied where that makes steps faster and there is room
  kMapped,  // always as the system maps the files
  kCopied,  // always in memory of this process
};

inline constexpr std::string_view kWeightMemoryNames[] = {"auto", "mapped", "copied"};

struct WeightMemoryOptions {
  WeightMemory wish = WeightMemory::kMapped;
  // Fewer bytes than this stay mapped under kAuto: page tables of so few stay in the caches.
  uint64_t least_bytes = uint64_t{256} << 20;
  int64_t cache_bytes = 0;   // what the KV cache will take beside the weights
  bool with_drafter = true;  // whether the drafter's weights are read at all
  // What there is; empty: memory_bounds().
  std::vector<MemoryBound> bounds = {};
  std::function<void(const char* what, uint64_t done_bytes, uint64_t total_bytes)> progress = {};
  std::function<void(const std::string& message)> notice = {};  // hears what was done and why
};

enum class WeightPlace {
  kMapped,        // nothing to gain, or not wanted
  kMappedNoRoom,  // in small pages, for want of memory
  kMappedAnew,    // the files were cached in small pages, and are read again into huge ones
  kCopied,
};

// "mapped", "mapped (no room to copy)", "mapped anew", "copied".
std::string_view weight_place_name(WeightPlace place);

// The bytes that steps read of `weights`: the int8 form of a matrix where it has one, no embedding.
std::vector<std::span<const std::byte>> bytes_in_use(const ModelWeights& weights,
                                                     bool with_drafter);

// Whether `bytes` more of this process's own memory leave room for the cache within all bounds.
bool has_room_for_copy(std::span<const MemoryBound> bounds, int64_t bytes, int64_t cache_bytes,
                       int copies);

// Puts the bytes in use into their place. `files`: all that are mapped. Throws what HugeCopy::run
// throws, but under kAuto for want of memory.
WeightPlace place_weights(const ModelWeights& weights, std::span<const MappedFile* const> files,
                          ThreadPool& threads, const WeightMemoryOptions& options);

}  // namespace hadal
