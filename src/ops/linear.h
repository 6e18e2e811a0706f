// Linear layers, y = x Wᵀ, over weights in the formats of the checkpoint, and the rounding of their
// inputs. Sums run in an order fixed per output element, whatever the number of rows or threads.
#pragma once

#include <cstddef>

#include "ops/context.h"

namespace hadal {

enum class WeightFormat {
  kF32,
  kBf16,
  kFp8,  // e4m3, one e8m0 scale per 128 x 128 block
  kFp4,  // e2m1, two per byte, low nibble first, one e8m0 scale per row and 32 inputs
};

// A weight where it lies in the mapped checkpoint; any alignment.
struct WeightMatrix {
  WeightFormat format = WeightFormat::kF32;
  const std::byte* data = nullptr;   // [out_features, in_features]; kFp4: [out_features, in/2]
  const std::byte* scale = nullptr;  // kFp8: [ceil(out/128), ceil(in/128)]; kFp4: [out, in/32]
  int out_features = 0;
  int in_features = 0;
  int scale_row = 0;  // kFp8: the row of the scaled matrix that `data` begins with
};

// Rows [first, first + count) of `weight`, as a matrix of their own.
WeightMatrix row_slice(const WeightMatrix& weight, int first, int count);

// How the inputs of FP8 and FP4 linears are rounded before the multiplication.
enum class ActivationPolicy {
  kNone,  // not at all: for checking
  kFp8,   // through e4m3 with one power-of-two scale per 128 inputs, as the model was trained
};

struct RoundActivationsArgs {
  const float* x = nullptr;  // [rows, columns]
  float* out = nullptr;      // [rows, columns]; may be x
  int rows = 0;
  int columns = 0;
  ActivationPolicy policy = ActivationPolicy::kFp8;
};

struct LinearArgs {
  const float* x = nullptr;  // [rows, in_features], rows `x_stride` apart
  WeightMatrix weight;
  float* out = nullptr;  // [rows, out_features], rows `out_stride` apart; must not overlap x
  int rows = 0;
  size_t x_stride = 0;
  size_t out_stride = 0;
  // The inputs are cut into this many equal parts; each part is summed by itself and the partial
  // sums are added in ascending order, so that splitting the parts over ranks changes no bit.
  int segments = 1;
};

namespace ref {
void round_activations(OpContext& context, const RoundActivationsArgs& args);
void linear(OpContext& context, const LinearArgs& args);
}  // namespace ref

namespace ops {
void round_activations(OpContext& context, const RoundActivationsArgs& args);
void linear(OpContext& context, const LinearArgs& args);
}  // namespace ops

}  // namespace hadal
