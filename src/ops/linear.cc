#include "ops/linear.h"

#include "base/check.h"

namespace hadal {

WeightMatrix row_slice(const WeightMatrix& weight, int first, int count) {
  HADAL_CHECK(first >= 0 && count >= 0 && first + count <= weight.out_features);
  const auto columns = static_cast<size_t>(weight.in_features);
  const auto rows = static_cast<size_t>(first);
  WeightMatrix slice = weight;
  slice.out_features = count;
  switch (weight.format) {
    case WeightFormat::kF32:
      slice.data += rows * columns * 4;
      break;
    case WeightFormat::kBf16:
      slice.data += rows * columns * 2;
      break;
    case WeightFormat::kFp8:
      slice.data += rows * columns;
      slice.scale_row += first;
      break;
    case WeightFormat::kFp4:
      slice.data += rows * columns / 2;
      slice.scale += rows * (columns / 32);
      break;
  }
  return slice;
}

}  // namespace hadal
