#include "bench/kernels/weight_arena.h"

#include <algorithm>
#include <sys/mman.h>

#include "base/aligned_buffer.h"
#include "base/as_size.h"
#include "base/check.h"
#include "base/error.h"
#include "base/machine.h"
#include "bench/random_bits.h"

namespace hadal {
namespace {

constexpr size_t kRegionAlign = size_t{2} << 20;  // a huge page

WeightBytes bytes_of(WeightFormat format, int out_features, int in_features, bool int8) {
  return int8 && format == WeightFormat::kFp8 ? int8_tile_bytes(out_features, in_features)
                                              : weight_bytes(format, out_features, in_features);
}

// Fills [base, base + size) with words (random & keep) | set.
void fill(ThreadPool& threads, std::byte* base, size_t size, uint64_t keep, uint64_t set) {
  constexpr size_t kPiece = size_t{1} << 20;
  const int pieces = static_cast<int>((size + kPiece - 1) / kPiece);
  threads.parallel_for(pieces, 1, [&](int begin, int end, int) {
    for (int piece = begin; piece < end; ++piece) {
      const size_t first = as_size(piece) * kPiece;
      fill_random_bits(base + first, std::min(kPiece, size - first),
                       {.seed = static_cast<uint64_t>(piece) + 1, .keep = keep, .set = set});
    }
  });
}

}  // namespace

std::byte* WeightArena::Region::take(size_t bytes) {
  HADAL_CHECK(bytes <= size);
  if (used + bytes > size) used = 0;
  std::byte* place = base + used;
  used = round_up(used + bytes, kCacheLine);
  return place;
}

WeightArena::WeightArena(size_t bytes, ThreadPool& threads) {
  // FP4 has a scale byte for 16 bytes of values, int8 tiles a float for 128; a little more, so that
  // the scales do not come round earlier than the values.
  values_.size = round_up(bytes, kRegionAlign);
  exponents_.size = round_up(values_.size / 16 + values_.size / 128, kRegionAlign);
  float_scales_.size = round_up(values_.size / 32 + values_.size / 256, kRegionAlign);
  memory_bytes_ = values_.size + exponents_.size + float_scales_.size + kRegionAlign;
  void* memory = ::mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    throw Error({.code = ErrorCode::kResourceExhausted,
                 .where = "memory for weights",
                 .what = "the system refuses " + std::to_string(memory_bytes_ >> 20) + " MiB" +
                         memory_limit_note(),
                 .remedy = "free some, or raise the limits of this process"});
  }
  memory_ = static_cast<std::byte*>(memory);
  // Where the system allows it: limits and kernels are then measured without page walks.
  ::madvise(memory_, memory_bytes_, MADV_HUGEPAGE);
  const auto address = reinterpret_cast<uintptr_t>(memory_);
  values_.base = memory_ + (round_up(address, kRegionAlign) - address);
  exponents_.base = values_.base + values_.size;
  float_scales_.base = exponents_.base + exponents_.size;
  // Every second byte is 0x3c to 0x3f or 0xbc to 0xbf, the others end in 0: as bf16 and float32 of
  // about 2^-7 to 2, as e4m3 no NaN.
  fill(threads, values_.base, values_.size, 0x83fe83fe83fe83feU, 0x3c003c003c003c00U);
  fill(threads, exponents_.base, exponents_.size, 0x0303030303030303U, 0x7878787878787878U);
  // Floats of 2^-8 to 2^-7.
  fill(threads, float_scales_.base, float_scales_.size, 0x007fffff007fffffU, 0x3b8000003b800000U);
}

WeightArena::~WeightArena() { ::munmap(memory_, memory_bytes_); }

WeightMatrix WeightArena::next(WeightFormat format, int out_features, int in_features, bool int8) {
  WeightMatrix weight{.format = format, .out_features = out_features, .in_features = in_features};
  const WeightBytes bytes = bytes_of(format, out_features, in_features, int8);
  std::byte* values = values_.take(bytes.values);
  weight.data = values;
  if (bytes.exponents > 0) weight.scale = exponents_.take(bytes.exponents);
  if (bytes.float_scales > 0) {
    weight.int8 = {
        .codes = reinterpret_cast<const uint8_t*>(values),
        .scales = reinterpret_cast<const float*>(float_scales_.take(bytes.float_scales))};
  }
  return weight;
}

}  // namespace hadal
