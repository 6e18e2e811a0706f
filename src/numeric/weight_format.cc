#include "numeric/weight_format.h"

#include "base/aligned_buffer.h"
#include "base/as_size.h"

namespace hadal {
namespace {

size_t blocks(int count, int block) { return as_size((count + block - 1) / block); }

}  // namespace

size_t row_bytes(WeightFormat format, int in_features) {
  const size_t inputs = as_size(in_features);
  switch (format) {
    case WeightFormat::kF32:
      return 4 * inputs;
    case WeightFormat::kBf16:
      return 2 * inputs;
    case WeightFormat::kFp8:
      return inputs;
    case WeightFormat::kFp4:
      return inputs / 2;
  }
  return 0;
}

WeightBytes weight_bytes(WeightFormat format, int out_features, int in_features) {
  WeightBytes bytes{.values = as_size(out_features) * row_bytes(format, in_features)};
  if (format == WeightFormat::kFp8) {
    bytes.exponents = blocks(out_features, kFp8Block) * blocks(in_features, kFp8Block);
  } else if (format == WeightFormat::kFp4) {
    bytes.exponents = as_size(out_features) * as_size(in_features / kFp4Block);
  }
  return bytes;
}

WeightBytes int8_tile_bytes(int out_features, int in_features) {
  const size_t features = round_up(as_size(out_features), kInt8TileFeatures);
  return {.values = features * as_size(in_features),
          .float_scales = features * as_size(in_features / kInt8Block) * sizeof(float)};
}

}  // namespace hadal
