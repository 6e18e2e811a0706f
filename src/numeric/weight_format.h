// The formats that weights are multiplied in, and the bytes a matrix takes in each. The sizes of
// blocks that share a scale stand here and nowhere else.
#pragma once

#include <cstddef>

namespace hadal {

enum class WeightFormat {
  kF32,
  kBf16,
  kFp8,  // e4m3, one e8m0 scale per 128 x 128 block
  kFp4,  // e2m1, two per byte, low nibble first, one e8m0 scale per row and 32 inputs
};

constexpr int kFp8Block = 128;         // rows and inputs of an FP8 weight that share a scale
constexpr int kFp4Block = 32;          // inputs of a row of an FP4 weight that share a scale
constexpr int kActivationBlock = 128;  // inputs of a row that share a scale when rounded
constexpr int kInt8Block = 128;        // inputs of a feature of an int8 tile that share a scale
constexpr int kInt8TileFeatures = 16;  // features of an int8 tile
constexpr int kKvScaleBlock = 64;      // e4m3 values of a cached key that share a scale
constexpr int kIndexKeyBlock = 32;     // e2m1 values of an index key that share a scale

// Bytes of one row of values, without scales.
size_t row_bytes(WeightFormat format, int in_features);

// Of a whole matrix [out_features, in_features].
struct WeightBytes {
  size_t values = 0;
  size_t exponents = 0;     // e8m0 scales
  size_t float_scales = 0;  // of int8 tiles

  size_t all() const { return values + exponents + float_scales; }
};
WeightBytes weight_bytes(WeightFormat format, int out_features, int in_features);
// Of an FP8 matrix requantised to int8 tiles (ops/linear.h); its inputs are a multiple of 128.
WeightBytes int8_tile_bytes(int out_features, int in_features);

}  // namespace hadal
