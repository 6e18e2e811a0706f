// What one instruction set contributes: the inner loops of the operations, as plain functions over
// pointers. The files that define them are compiled with ISA flags and share no inline function
// with the rest of the program; tiling and threads are the business of their callers (linear.cc and
// the other files of this folder).
#pragma once

#include <cstddef>
#include <cstdint>

#include "numeric/weight_format.h"
#include "ops/bf16_rows.h"
#include "ops/int8_rows.h"

namespace hadal::cpu {

// out[r, f] = Σ_i weight[f, i] · x[r, i] in float32. Sums run over lanes i % 16 with i ascending,
// fused multiply-adds, and the lanes are joined in pairs: one order for all shapes.
struct FloatDotArgs {
  WeightFormat format = WeightFormat::kF32;
  const std::byte* weights = nullptr;  // [features] rows, `weight_stride` bytes apart
  size_t weight_stride = 0;
  const std::byte* scales = nullptr;  // e8m0: per 128 columns (kFp8, the same for all features) or
  size_t scale_stride = 0;            // per 32 columns (kFp4, rows `scale_stride` apart)
  int scale_column = 0;               // kFp8: the column that the first weight has in the matrix
  int features = 0;
  int columns = 0;
  const float* x = nullptr;  // [rows], `x_stride` floats apart
  size_t x_stride = 0;
  int rows = 0;
  float* out = nullptr;  // [rows], `out_stride` floats apart
  size_t out_stride = 0;
  float* scratch = nullptr;  // kFloatScratchFloats, 64-byte aligned
  bool accumulate = false;   // add to out instead of replacing it
};

// 512 columns of eight features in float32, and the lanes of the sums of 96 rows.
constexpr size_t kFloatScratchFloats = 8 * 512 + 96 * 8 * 16;

// x is cut into groups of 128 columns: scale = max|x| / 127, code = nearest(x / scale).
struct QuantizeInt8Args {
  const float* x = nullptr;  // [columns], a multiple of 128
  int columns = 0;
  int8_t* codes = nullptr;
  float* scales = nullptr;
  GroupStart* group_starts = nullptr;
  int32_t* block_sums = nullptr;
};

// out[r, f] = Σ over blocks b of 128 columns, ascending, of scale_x[r, b] · Σ over the four groups
// of 32, ascending, of scale_w[f, group] · (integer dot product), one fused multiply-add each.
struct Fp4Int8DotArgs {
  const std::byte* weights = nullptr;  // [features, columns / 2]
  const std::byte* scales = nullptr;   // [features, columns / 32]
  int features = 16;                   // a multiple of 16
  int columns = 0;                     // a multiple of 128
  Int8Rows x = {};
  const int32_t* row_index = nullptr;  // [rows]: which rows of x; nullptr: 0, 1, 2, …
  int rows = 0;
  float* out = nullptr;  // [rows, features], rows `out_stride` apart
  size_t out_stride = 0;
  float* scratch = nullptr;  // fp4_tile_floats(columns), 64-byte aligned
  // Weights of the same width that will be read next, to be asked for ahead; null: those behind.
  const std::byte* next_weights = nullptr;
};

// Two unpacked tiles of 16 features: a byte per weight, a float per 32.
constexpr size_t fp4_tile_floats(int columns) {
  return 2 * (static_cast<size_t>(columns) * 4 + static_cast<size_t>(columns) / 2);
}

// FP8 weights requantised to int8: tiles of 16 features, [columns / 4][16 features][4 columns] as
// code + 128, columns in the order of Int8Rows, one scale per feature and 128 columns.
struct Int8DotArgs {
  const uint8_t* tile = nullptr;       // the first tile: [16 · columns]
  const float* tile_scales = nullptr;  // [columns / 128][16]
  size_t tile_stride = 0;              // bytes from one tile to the next
  size_t scale_stride = 0;             // floats from the scales of one tile to the next
  int features = 0;                    // of all tiles
  int columns = 0;                     // a multiple of 128
  Int8Rows x = {};
  const int32_t* row_index = nullptr;
  int rows = 0;
  float* out = nullptr;
  size_t out_stride = 0;
  bool accumulate = false;
};

// out[r, f] = Σ over blocks b of 128 columns, ascending, lane by lane, of scale_w[f, b] · Σ over
// the four runs of Bf16Rows, ascending, of the pairs of the lane, each addition rounded; then the
// sum of the sixteen lanes.
struct Bf16DotArgs {
  WeightFormat format = WeightFormat::kFp8;  // or kFp4
  const std::byte* weights = nullptr;        // [features] rows, `weight_stride` bytes apart
  size_t weight_stride = 0;
  const std::byte* scales = nullptr;  // e8m0: per 128 columns (kFp8, the same for all features) or
  size_t scale_stride = 0;            // per 32 columns (kFp4, rows `scale_stride` apart)
  int features = 0;
  int columns = 0;  // a multiple of 128
  Bf16Rows x = {};
  const int32_t* row_index = nullptr;  // [rows]: which rows of x; nullptr: 0, 1, 2, …
  int rows = 0;
  float* out = nullptr;  // [rows, features], rows `out_stride` apart
  size_t out_stride = 0;
  float* scratch = nullptr;  // kBf16ScratchFloats, 64-byte aligned
  bool accumulate = false;
};

// Eight blocks of eight features in bf16 with the scale of each lane, and the lanes of the sums of
// 96 rows.
constexpr size_t kBf16ScratchFloats = 8 * 8 * (64 + 16) + 96 * 8 * 16;

// The attention of one row: heads [0, heads) over `entries` keys that are also the values.
struct AttendRowArgs {
  const float* q = nullptr;     // [heads, dim]
  const float* sink = nullptr;  // [heads]
  float* out = nullptr;         // [heads, dim]
  int heads = 0;
  int dim = 0;  // a multiple of 16
  float scale = 0;
};

constexpr int kIndexKeys = 32;  // scored together

// Scores of kIndexKeys index keys of 128 e2m1 values for one row. Entry scores are Σ_h weight_h ·
// max(0, q_h · k), heads ascending; a dot product adds, over its four groups of 32 ascending,
// (integer dot product) · scale_k · scale_q, one fused multiply-add each.
struct IndexScoreArgs {
  const int8_t* q_codes = nullptr;       // [heads, 128], twice the e2m1 value, as Int8Rows
  const float* q_scales = nullptr;       // [heads, 4], a quarter of the e8m0 scale
  const GroupStart* q_starts = nullptr;  // [heads, 4]
  const float* head_weights = nullptr;   // [heads]
  int heads = 0;
  const std::byte* const* keys = nullptr;        // [keys] × 64 bytes, the low nibble first
  const std::byte* const* key_scales = nullptr;  // [keys] × 4 bytes
  float* scores = nullptr;                       // [keys]
};

struct MicroKernels {
  const char* name = "";
  void (*float_dot)(const FloatDotArgs& args) = nullptr;
  void (*quantize_int8)(const QuantizeInt8Args& args) = nullptr;
  void (*fp4_int8_dot)(const Fp4Int8DotArgs& args) = nullptr;
  void (*int8_dot)(const Int8DotArgs& args) = nullptr;
  // Null where the instruction set has no dot product of bf16 pairs.
  void (*bf16_dot)(const Bf16DotArgs& args) = nullptr;
  // x [columns], a multiple of 128, of bf16 values to the order of Bf16Rows.
  void (*pack_bf16)(const float* x, int columns, uint16_t* out) = nullptr;
  void (*index_scores)(const IndexScoreArgs& args) = nullptr;

  // One block of at most 64 decoded keys [entries, dim] joins a running softmax: `state` holds
  // [heads] maxima, then [heads] denominators.
  void (*attend_block)(const AttendRowArgs& args, const float* keys, int entries, bool first,
                       float* state) = nullptr;
  // Adds the sinks to the denominators and divides.
  void (*attend_finish)(const AttendRowArgs& args, const float* state) = nullptr;
  // A cached key to float32: `nope` e4m3 codes with a scale per 64, then `rope` bf16 values.
  void (*decode_kv)(const std::byte* data, const std::byte* scales, int nope, int rope,
                    float* out) = nullptr;

  void (*rms_norm)(const float* x, const float* weight, float* out, int n, float eps) = nullptr;
  float (*mean_square)(const float* x, int n) = nullptr;
  // out = silu(min(gate, limit)) · clamp(up, ±limit) · weight; limit 0: no clamping.
  void (*swiglu)(const float* gate, const float* up, float* out, int n, float limit,
                 float weight) = nullptr;
  // out[i] = Σ_j weights[j] · x[j · stride + i], j ascending.
  void (*mix)(const float* x, size_t stride, const float* weights, int count, float* out,
              int n) = nullptr;
  // x[2 i], x[2 i + 1] turned by the angle i: cosines and sines [2 pairs], each cosine twice, each
  // sine with the sign that the place of its pair takes.
  void (*rotate)(float* x, const float* cosines, const float* sines, int n) = nullptr;
  // The same by the negated angles.
  void (*rotate_back)(float* x, const float* cosines, const float* sines, int n) = nullptr;
  // out[i] = Σ_r kv[r][i] · e^z[r][i] / Σ_r e^z[r][i]
  void (*pool_rows)(const float* const* kv, const float* const* z, int rows, float* out,
                    int n) = nullptr;
  // One row joins a running softmax of [n] channels.
  void (*join_softmax)(const float* kv, const float* z, int n, float* maximum, float* sum,
                       float* weighted) = nullptr;
  // x'_k = post_k · f + Σ_j mixing[j, k] · x_j, in place over [streams, n].
  void (*spread)(const float* f, const float* post, const float* mixing, float* x, int streams,
                 int n) = nullptr;
  // x [dim], a power of two of at least 16, times the Hadamard matrix and `factor`.
  void (*hadamard)(float* x, int dim, float factor) = nullptr;
  // x [n] onto the e2m1 grid by groups of 32, as q4_round (numeric/block_scale.h).
  void (*q4_round)(float* x, int n) = nullptr;
};

const MicroKernels& avx2_micro_kernels();
const MicroKernels& avx_vnni_micro_kernels();
const MicroKernels& avx_vnni_int8_micro_kernels();
const MicroKernels& avx512_micro_kernels();
const MicroKernels& avx512_bf16_micro_kernels();

}  // namespace hadal::cpu
