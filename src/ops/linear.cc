#include "ops/linear.h"

#include "base/check.h"

namespace hadal {

Int8Rows columns_from(const Int8Rows& rows, int first) {
  if (rows.codes == nullptr) return {};
  return {.codes = rows.codes + first,
          .scales = rows.scales + first / kInt8Block,
          .group_starts = rows.group_starts + first / kFp4Block,
          .block_sums = rows.block_sums + first / kInt8Block,
          .columns = rows.columns};
}

Bf16Rows columns_from(const Bf16Rows& rows, int first) {
  if (rows.values == nullptr) return {};
  return {.values = rows.values + first, .columns = rows.columns};
}

bool has_bf16_form(const WeightMatrix& weight, int segments) {
  const bool scaled = weight.format == WeightFormat::kFp8 || weight.format == WeightFormat::kFp4;
  return scaled && weight.in_features % segments == 0 &&
         weight.in_features / segments % kBf16Block == 0;
}

bool has_int8_form(const WeightMatrix& weight, int segments) {
  if (weight.in_features % segments != 0) return false;
  if (weight.in_features / segments % kInt8Block != 0) return false;
  if (weight.format == WeightFormat::kFp4) {
    return segments == 1 && weight.out_features % kInt8TileFeatures == 0;
  }
  return weight.int8.codes != nullptr;
}

WeightMatrix row_slice(const WeightMatrix& weight, int first, int count) {
  HADAL_CHECK(first >= 0 && count >= 0 && first + count <= weight.out_features);
  const auto columns = static_cast<size_t>(weight.in_features);
  const auto rows = static_cast<size_t>(first);
  WeightMatrix slice = weight;
  slice.out_features = count;
  slice.data += rows * row_bytes(weight.format, weight.in_features);
  if (weight.format == WeightFormat::kFp4) slice.scale += rows * (columns / kFp4Block);
  if (weight.format != WeightFormat::kFp8) return slice;
  slice.scale_row += first;
  if (slice.int8.codes == nullptr) return slice;
  if (first % kInt8TileFeatures != 0) {
    slice.int8 = {};
    return slice;
  }
  slice.int8.codes += rows * columns;
  slice.int8.scales += rows * (columns / kInt8Block);
  return slice;
}

}  // namespace hadal
