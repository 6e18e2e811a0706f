#include "ops/linear.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/unaligned.h"
#include "numeric/bf16.h"
#include "numeric/block_scale.h"
#include "numeric/e2m1.h"
#include "numeric/e4m3.h"
#include "numeric/e8m0.h"
#include "numeric/elementary.h"
#include "ops/ref/dot.h"

namespace hadal::ref {
namespace {

const std::byte* row_address(const WeightMatrix& weight, int row, size_t row_bytes) {
  return weight.data + static_cast<size_t>(row) * row_bytes;
}

uint8_t code_at(const std::byte* codes, size_t index) {
  return std::to_integer<uint8_t>(codes[index]);
}

void decode_fp8_row(const WeightMatrix& weight, int row, float* out) {
  const int columns = weight.in_features;
  const std::byte* codes = row_address(weight, row, static_cast<size_t>(columns));
  const size_t blocks = static_cast<size_t>((columns + kFp8Block - 1) / kFp8Block);
  const std::byte* scales =
      weight.scale + static_cast<size_t>((weight.scale_row + row) / kFp8Block) * blocks;
  for (int begin = 0; begin < columns; begin += kFp8Block) {
    const float scale = e8m0_decode(code_at(scales, static_cast<size_t>(begin / kFp8Block)));
    const int end = std::min(begin + kFp8Block, columns);
    for (int i = begin; i < end; ++i) {
      out[i] = scale * e4m3_decode(code_at(codes, static_cast<size_t>(i)));
    }
  }
}

void decode_fp4_row(const WeightMatrix& weight, int row, float* out) {
  const int columns = weight.in_features;
  const std::byte* codes = row_address(weight, row, static_cast<size_t>(columns) / 2);
  const std::byte* scales =
      weight.scale + static_cast<size_t>(row) * static_cast<size_t>(columns / kFp4Block);
  for (int begin = 0; begin < columns; begin += kFp4Block) {
    const float scale = e8m0_decode(code_at(scales, static_cast<size_t>(begin / kFp4Block)));
    for (int i = begin; i < begin + kFp4Block; i += 2) {
      const uint8_t pair = code_at(codes, static_cast<size_t>(i) / 2);
      out[i] = scale * e2m1_decode(pair & 15);
      out[i + 1] = scale * e2m1_decode(pair >> 4);
    }
  }
}

void decode_row(const WeightMatrix& weight, int row, float* out) {
  const auto columns = static_cast<size_t>(weight.in_features);
  switch (weight.format) {
    case WeightFormat::kF32:
      std::memcpy(out, row_address(weight, row, columns * sizeof(float)), columns * sizeof(float));
      return;
    case WeightFormat::kBf16: {
      const std::byte* values = row_address(weight, row, columns * sizeof(uint16_t));
      for (size_t i = 0; i < columns; ++i) {
        out[i] = bf16_decode(load_unaligned<uint16_t>(values + i * sizeof(uint16_t)));
      }
      return;
    }
    case WeightFormat::kFp8:
      return decode_fp8_row(weight, row, out);
    case WeightFormat::kFp4:
      return decode_fp4_row(weight, row, out);
  }
}

// Where column `i` of a block of 128 lies among the codes of Int8Rows.
constexpr int code_position(int i) { return i % 2 == 0 ? i / 2 : kInt8Block / 2 + i / 2; }

// 2^(code - 127); code 0 counts as 0, which keeps the arithmetic free of subnormal numbers.
float scale_of_code(uint8_t code) { return code == 0 ? 0.0F : e8m0_decode(code); }

// One FP4 feature and one row of int8 inputs.
float dot_fp4_int8(const WeightMatrix& weight, int feature, const Int8Rows& x, size_t row) {
  const auto columns = static_cast<size_t>(weight.in_features);
  const auto index = static_cast<size_t>(feature);
  const std::byte* packed = weight.data + index * (columns / 2);
  const std::byte* scales = weight.scale + index * (columns / kFp4Block);
  float sum = 0;
  for (size_t begin = 0; begin < columns; begin += kInt8Block) {
    const int8_t* codes = x.codes + row * x.columns + begin;
    float block = 0;
    for (int group = 0; group < kInt8Block / kFp4Block; ++group) {
      int32_t exact = 0;
      for (int i = group * kFp4Block; i < (group + 1) * kFp4Block; ++i) {
        const uint8_t pair = code_at(packed, (begin + static_cast<size_t>(i)) / 2);
        const float value = e2m1_decode(i % 2 == 0 ? pair & 15 : pair >> 4);
        exact += static_cast<int32_t>(2 * value) * codes[code_position(i)];
      }
      const uint8_t scale = code_at(scales, begin / kFp4Block + static_cast<size_t>(group));
      block =
          elementary::fused_multiply_add(static_cast<float>(exact), scale_of_code(scale), block);
    }
    sum = elementary::fused_multiply_add(
        block, 0.5F * x.scales[row * (x.columns / kInt8Block) + begin / kInt8Block], sum);
  }
  return sum;
}

// Columns [first, first + count) of one feature in int8 tiles and one row of int8 inputs.
float dot_int8_tile(const WeightMatrix& weight, int feature, const Int8Rows& x, size_t row,
                    size_t first, size_t count) {
  const auto columns = static_cast<size_t>(weight.in_features);
  const auto tile = static_cast<size_t>(feature / kInt8TileFeatures);
  const auto lane = static_cast<size_t>(feature % kInt8TileFeatures);
  const uint8_t* tile_codes = weight.int8.codes + tile * columns * kInt8TileFeatures;
  const float* tile_scales = weight.int8.scales + tile * (columns / kInt8Block) * kInt8TileFeatures;
  float sum = 0;
  for (size_t begin = first; begin < first + count; begin += kInt8Block) {
    const int8_t* codes = x.codes + row * x.columns + begin;
    int32_t exact = 0;
    for (size_t i = 0; i < kInt8Block; ++i) {
      const uint8_t code = tile_codes[((begin + i) / 4 * kInt8TileFeatures + lane) * 4 + i % 4];
      exact += (static_cast<int32_t>(code) - 128) * codes[i];
    }
    const size_t block = begin / kInt8Block;
    sum = elementary::fused_multiply_add(
        static_cast<float>(exact) * tile_scales[block * kInt8TileFeatures + lane],
        x.scales[row * (x.columns / kInt8Block) + block], sum);
  }
  return sum;
}

void linear_int8(OpContext& context, const LinearArgs& args) {
  const auto segment = static_cast<size_t>(args.weight.in_features / args.segments);
  context.threads().parallel_for(
      args.weight.out_features, kInt8TileFeatures, [&](int begin, int end, int) {
        for (int feature = begin; feature < end; ++feature) {
          for (size_t row = 0; row < static_cast<size_t>(args.rows); ++row) {
            float sum = 0;
            for (int s = 0; s < args.segments; ++s) {
              const float partial = args.weight.format == WeightFormat::kFp4
                                        ? dot_fp4_int8(args.weight, feature, args.x_int8, row)
                                        : dot_int8_tile(args.weight, feature, args.x_int8, row,
                                                        static_cast<size_t>(s) * segment, segment);
              sum = s == 0 ? partial : sum + partial;
            }
            args.out[row * args.out_stride + static_cast<size_t>(feature)] = sum;
          }
        }
      });
}

}  // namespace

void quantize_int8_rows(OpContext& context, const QuantizeInt8RowsArgs& args) {
  HADAL_CHECK(args.columns % kInt8Block == 0);
  constexpr float kSmallest = 1e-35F;
  const auto columns = static_cast<size_t>(args.columns);
  context.threads().parallel_for(args.rows, 4, [&](int first, int last, int) {
    for (auto row = static_cast<size_t>(first); row < static_cast<size_t>(last); ++row) {
      for (size_t begin = 0; begin < columns; begin += kInt8Block) {
        const float* x = args.x + row * columns + begin;
        int8_t* codes = args.codes + row * columns + begin;
        GroupStart* starts = args.group_starts + (row * columns + begin) / kFp4Block;
        int32_t& block_sum = args.block_sums[(row * columns + begin) / kInt8Block];
        float largest = 0;
        for (int i = 0; i < kInt8Block; ++i) largest = std::max(largest, std::abs(x[i]));
        const bool vanishes = !(largest > kSmallest);
        args.scales[(row * columns + begin) / kInt8Block] = vanishes ? 0.0F : largest / 127.0F;
        const float inverse = vanishes ? 0.0F : 127.0F / largest;
        std::fill_n(starts, kInt8Block / kFp4Block, GroupStart{});
        block_sum = 0;
        for (int i = 0; i < kInt8Block; ++i) {
          const float nearest = elementary::round_to_integer(x[i] * inverse);
          // What is not a number has no code.
          const auto code = static_cast<int8_t>(std::abs(nearest) <= 127.0F ? nearest : 0.0F);
          codes[code_position(i)] = code;
          GroupStart& group = starts[i / kFp4Block];
          int16_t& half = code_position(i) % 4 < 2 ? group.first : group.second;
          half = static_cast<int16_t>(half - kFp4Bias * code);
          block_sum += code;
        }
      }
    }
  });
}

void round_activations(OpContext& context, const RoundActivationsArgs& args) {
  const auto columns = static_cast<size_t>(args.columns);
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      const float* x = args.x + static_cast<size_t>(row) * columns;
      float* out = args.out + static_cast<size_t>(row) * columns;
      if (args.policy == ActivationPolicy::kFp8) {
        q8_round(x, out, args.columns, kActivationBlock);
      } else if (out != x) {
        std::copy_n(x, columns, out);
      }
    }
  });
}

void linear(OpContext& context, const LinearArgs& args) {
  if (args.x_int8.codes != nullptr && has_int8_form(args.weight, args.segments)) {
    return linear_int8(context, args);
  }
  const int columns = args.weight.in_features;
  HADAL_CHECK(args.segments >= 1 && columns % args.segments == 0);
  HADAL_CHECK(args.weight.format != WeightFormat::kFp4 || columns % kFp4Block == 0);
  const int segment = columns / args.segments;
  constexpr int kRowsPerTask = 16;
  context.threads().parallel_for(
      args.weight.out_features, kRowsPerTask, [&](int begin, int end, int thread) {
        float* weights = context.thread_scratch(thread, static_cast<size_t>(columns));
        for (int feature = begin; feature < end; ++feature) {
          decode_row(args.weight, feature, weights);
          for (int row = 0; row < args.rows; ++row) {
            const float* x = args.x + static_cast<size_t>(row) * args.x_stride;
            float sum = 0;
            for (int first = 0; first < columns; first += segment) {
              const float partial = dot(x + first, weights + first, segment);
              sum = first == 0 ? partial : sum + partial;
            }
            args.out[static_cast<size_t>(row) * args.out_stride + static_cast<size_t>(feature)] =
                sum;
          }
        }
      });
}

}  // namespace hadal::ref
