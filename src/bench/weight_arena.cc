#include "bench/weight_arena.h"

#include <algorithm>
#include <sys/mman.h>

#include "base/aligned_buffer.h"
#include "base/check.h"
#include "base/error.h"
#include "base/machine.h"
#include "bench/random_bits.h"

namespace hadal {
namespace {

constexpr size_t kRegionAlign = size_t{2} << 20;  // a huge page
constexpr int kFp8Block = 128;
constexpr int kFp4Block = 32;

size_t as_size(int value) { return static_cast<size_t>(value); }

size_t blocks(int features, int block) { return as_size((features + block - 1) / block); }

size_t value_bytes(WeightFormat format, int out, int in, bool int8) {
  const size_t count = as_size(out) * as_size(in);
  switch (format) {
    case WeightFormat::kF32:
      return count * 4;
    case WeightFormat::kBf16:
      return count * 2;
    case WeightFormat::kFp8:
      return int8 ? round_up(as_size(out), kInt8TileFeatures) * as_size(in) : count;
    case WeightFormat::kFp4:
      return count / 2;
  }
  return 0;
}

size_t exponent_bytes(WeightFormat format, int out, int in, bool int8) {
  if (format == WeightFormat::kFp4) return as_size(out) * as_size(in / kFp4Block);
  if (format == WeightFormat::kFp8 && !int8) return blocks(out, kFp8Block) * blocks(in, kFp8Block);
  return 0;
}

size_t float_scale_bytes(WeightFormat format, int out, int in, bool int8) {
  if (format != WeightFormat::kFp8 || !int8) return 0;
  return round_up(as_size(out), kInt8TileFeatures) * as_size(in / kInt8Block) * sizeof(float);
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
  std::byte* values = values_.take(value_bytes(format, out_features, in_features, int8));
  weight.data = values;
  if (const size_t bytes = exponent_bytes(format, out_features, in_features, int8); bytes > 0) {
    weight.scale = exponents_.take(bytes);
  }
  if (const size_t bytes = float_scale_bytes(format, out_features, in_features, int8); bytes > 0) {
    weight.int8 = {.codes = reinterpret_cast<const uint8_t*>(values),
                   .scales = reinterpret_cast<const float*>(float_scales_.take(bytes))};
  }
  return weight;
}

double weight_bytes(WeightFormat format, int out_features, int in_features, bool int8) {
  return static_cast<double>(value_bytes(format, out_features, in_features, int8) +
                             exponent_bytes(format, out_features, in_features, int8) +
                             float_scale_bytes(format, out_features, in_features, int8));
}

}  // namespace hadal
