#include "ops/int8_tiles.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/unaligned.h"
#include "numeric/bf16.h"
#include "numeric/e4m3.h"
#include "numeric/e8m0.h"
#include "numeric/elementary.h"

namespace hadal {
namespace {

constexpr size_t kBlock = kInt8Block;
constexpr size_t kFeatures = kInt8TileFeatures;
constexpr int kOffset = 128;

// The input at place `i` of 128 in the order of Int8Rows: even ones, then odd ones.
constexpr size_t column_at(size_t i) { return i < kBlock / 2 ? 2 * i : 2 * (i - kBlock / 2) + 1; }

// 128 weights of one feature, in that order.
void load_block(const WeightMatrix& weight, size_t feature, size_t block, float* values) {
  const auto columns = static_cast<size_t>(weight.in_features);
  if (weight.format == WeightFormat::kBf16) {
    const std::byte* row = weight.data + (feature * columns + block * kBlock) * sizeof(uint16_t);
    for (size_t i = 0; i < kBlock; ++i) {
      values[i] = bf16_decode(load_unaligned<uint16_t>(row + column_at(i) * sizeof(uint16_t)));
    }
    return;
  }
  const size_t scale_row = (static_cast<size_t>(weight.scale_row) + feature) / kFp8Block;
  const float scale = e8m0_decode(
      std::to_integer<uint8_t>(weight.scale[scale_row * (columns / kFp8Block) + block]));
  const std::byte* codes = weight.data + feature * columns + block * kBlock;
  for (size_t i = 0; i < kBlock; ++i) {
    values[i] = scale * e4m3_decode(std::to_integer<uint8_t>(codes[column_at(i)]));
  }
}

}  // namespace

bool can_become_int8(const WeightMatrix& weight) {
  const bool is_known = weight.format == WeightFormat::kFp8 || weight.format == WeightFormat::kBf16;
  return is_known && weight.in_features % kInt8Block == 0;
}

Int8TileSizes int8_tile_sizes(const WeightMatrix& weight) {
  const auto columns = static_cast<size_t>(weight.in_features);
  return {.tiles = (static_cast<size_t>(weight.out_features) + kFeatures - 1) / kFeatures,
          .tile_codes = kFeatures * columns,
          .tile_scales = kFeatures * columns / kBlock};
}

void make_int8_tiles(const WeightMatrix& weight, size_t first, size_t count, uint8_t* codes,
                     float* scales) {
  HADAL_CHECK(can_become_int8(weight));
  const Int8TileSizes sizes = int8_tile_sizes(weight);
  std::fill_n(codes, count * sizes.tile_codes, static_cast<uint8_t>(kOffset));
  std::fill_n(scales, count * sizes.tile_scales, 0.0F);
  const size_t end =
      std::min((first + count) * kFeatures, static_cast<size_t>(weight.out_features));
  for (size_t feature = first * kFeatures; feature < end; ++feature) {
    const size_t tile = feature / kFeatures - first;
    const size_t lane = feature % kFeatures;
    for (size_t block = 0; block < sizes.tile_scales / kFeatures; ++block) {
      float values[kBlock];
      load_block(weight, feature, block, values);
      float largest = 0;
      for (const float value : values) largest = std::max(largest, std::abs(value));
      scales[tile * sizes.tile_scales + block * kFeatures + lane] = largest / 127.0F;
      const float inverse = largest > 1e-35F ? 127.0F / largest : 0.0F;
      uint8_t* out = codes + tile * sizes.tile_codes + block * kBlock * kFeatures + lane * 4;
      for (size_t i = 0; i < kBlock; ++i) {
        const float nearest = elementary::round_to_integer(values[i] * inverse);
        // What is not a number has no code.
        const int code = std::abs(nearest) <= 127.0F ? static_cast<int>(nearest) : 0;
        out[i / 4 * kFeatures * 4 + i % 4] = static_cast<uint8_t>(code + kOffset);
      }
    }
  }
}

}  // namespace hadal
