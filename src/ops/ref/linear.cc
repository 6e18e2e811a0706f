#include "ops/linear.h"

#include <algorithm>

#include "base/check.h"
#include "base/unaligned.h"
#include "numeric/bf16.h"
#include "numeric/block_scale.h"
#include "numeric/e2m1.h"
#include "numeric/e4m3.h"
#include "numeric/e8m0.h"
#include "ops/ref/dot.h"

namespace hadal::ref {
namespace {

constexpr int kFp8Block = 128;
constexpr int kFp4Block = 32;
constexpr int kActivationGroup = 128;

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

}  // namespace

void round_activations(OpContext& context, const RoundActivationsArgs& args) {
  const auto columns = static_cast<size_t>(args.columns);
  context.threads().parallel_for(args.rows, 4, [&](int begin, int end, int) {
    for (int row = begin; row < end; ++row) {
      const float* x = args.x + static_cast<size_t>(row) * columns;
      float* out = args.out + static_cast<size_t>(row) * columns;
      if (args.policy == ActivationPolicy::kFp8) {
        q8_round(x, out, args.columns, kActivationGroup);
      } else if (out != x) {
        std::copy_n(x, columns, out);
      }
    }
  });
}

void linear(OpContext& context, const LinearArgs& args) {
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
