// Linear layers, y = x Wᵀ, over weights in the formats of the checkpoint, and the rounding of their
// inputs. Sums run in an order fixed per output element, whatever the number of rows or threads.
#pragma once

#include <cstddef>

#include "numeric/activation_policy.h"
#include "numeric/weight_format.h"
#include "ops/bf16_rows.h"
#include "ops/context.h"
#include "ops/int8_rows.h"
#include "ops/row_range.h"

namespace hadal {

// An FP8 weight requantised to int8, one scale per feature and 128 inputs, in tiles of 16 features:
// [out / 16][in / 4][16][4] codes + 128, inputs of each 128 in the order of Int8Rows, and
// [out / 16][in / 128][16] scales. Missing features of the last tile are zero.
struct Int8Tiles {
  const uint8_t* codes = nullptr;  // null: the weight has no int8 form
  const float* scales = nullptr;
};

// A weight where it lies in the mapped checkpoint; any alignment.
struct WeightMatrix {
  WeightFormat format = WeightFormat::kF32;
  const std::byte* data = nullptr;   // [out_features, in_features]; kFp4: [out_features, in/2]
  const std::byte* scale = nullptr;  // kFp8: [ceil(out/128), ceil(in/128)]; kFp4: [out, in/32]
  int out_features = 0;
  int in_features = 0;
  int scale_row = 0;  // kFp8: the row of the scaled matrix that `data` begins with
  Int8Tiles int8 = {};
};

// Rows [first, first + count) of `weight`, as a matrix of their own.
WeightMatrix row_slice(const WeightMatrix& weight, int first, int count);

struct RoundActivationsArgs {
  const float* x = nullptr;  // [rows, columns]
  float* out = nullptr;      // [rows, columns]; may be x
  int rows = 0;
  int columns = 0;
  ActivationPolicy policy = ActivationPolicy::kFp8;
};

inline RoundActivationsArgs rows_of(RoundActivationsArgs args, RowRange range) {
  args.x += range.offset(args.columns);
  args.out += range.offset(args.columns);
  args.rows = range.count();
  return args;
}

// The `int8` policy: per row and 128 columns, scale = max|x| / 127 and code = nearest(x / scale),
// ties to even; a group whose maximum is not above 1e-35 becomes zero.
struct QuantizeInt8RowsArgs {
  const float* x = nullptr;  // [rows, columns]
  int rows = 0;
  int columns = 0;                     // a multiple of 128
  int8_t* codes = nullptr;             // [rows, columns], in the order of Int8Rows
  float* scales = nullptr;             // [rows, columns / 128]
  GroupStart* group_starts = nullptr;  // [rows, columns / 32]
  int32_t* block_sums = nullptr;       // [rows, columns / 128]
};

inline QuantizeInt8RowsArgs rows_of(QuantizeInt8RowsArgs args, RowRange range) {
  args.x += range.offset(args.columns);
  args.codes += range.offset(args.columns);
  args.scales += range.offset(args.columns / kInt8Block);
  args.group_starts += range.offset(args.columns / kFp4Block);
  args.block_sums += range.offset(args.columns / kInt8Block);
  args.rows = range.count();
  return args;
}

// Rows of bf16 values in float32, as round_activations leaves them under `fp8`, to bf16.
struct PackBf16RowsArgs {
  const float* x = nullptr;  // [rows, columns]
  int rows = 0;
  int columns = 0;             // a multiple of 128
  uint16_t* values = nullptr;  // [rows, columns], in the order of Bf16Rows
};

inline PackBf16RowsArgs rows_of(PackBf16RowsArgs args, RowRange range) {
  args.x += range.offset(args.columns);
  args.values += range.offset(args.columns);
  args.rows = range.count();
  return args;
}

// Whether `weight` can be multiplied with inputs in int8, cut into `segments`.
bool has_int8_form(const WeightMatrix& weight, int segments = 1);
// The same for inputs in bf16.
bool has_bf16_form(const WeightMatrix& weight, int segments = 1);

// With inputs in int8 and a weight that has that form, integer dot products are scaled and summed:
// FP4 over groups of 32 inputs within blocks of 128, int8 tiles over blocks of 128, ascending, one
// fused multiply-add each. With inputs in bf16, where the kernels know them, dot products of pairs
// are summed over the blocks of 128 (cpu/micro_kernels.h). Everything else is computed from `x` in
// float32.
struct LinearArgs {
  const float* x = nullptr;  // [rows, in_features], rows `x_stride` apart
  WeightMatrix weight;
  float* out = nullptr;  // [rows, out_features], rows `out_stride` apart; must not overlap x
  int rows = 0;
  size_t x_stride = 0;
  size_t out_stride = 0;
  Int8Rows x_int8 = {};  // the same inputs in int8, or none
  Bf16Rows x_bf16 = {};  // the same inputs in bf16, or none
  // The inputs are cut into this many equal parts; each part is summed by itself and the partial
  // sums are added in ascending order, so that splitting the parts over ranks changes no bit.
  int segments = 1;
};

namespace ref {
void round_activations(OpContext& context, const RoundActivationsArgs& args);
void quantize_int8_rows(OpContext& context, const QuantizeInt8RowsArgs& args);
void linear(OpContext& context, const LinearArgs& args);
}  // namespace ref

namespace ops {
void round_activations(OpContext& context, const RoundActivationsArgs& args);
void quantize_int8_rows(OpContext& context, const QuantizeInt8RowsArgs& args);
// Only where the kernels have it (kernel_table.h).
void pack_bf16_rows(OpContext& context, const PackBf16RowsArgs& args);
void linear(OpContext& context, const LinearArgs& args);
}  // namespace ops

}  // namespace hadal
