#include "ops/cpu/micro_kernels.h"
#include "ops/cpu/simd_avx512.h"

namespace hadal::cpu {
namespace {

// 24 sums, 4 weights and 1 value fit in 32 registers.
constexpr int kTileFeatures = 4;
constexpr int kTileRows = 6;
// 24 sums, four keys and a query; the keys come from the second cache, so many heads share them.
constexpr int kTileHeads = 6;
constexpr int kTileChannels = 4;

}  // namespace
}  // namespace hadal::cpu

// Each uses what the ones before it define.
// clang-format off
#include "ops/cpu/float_kernels.inc"
#include "ops/cpu/index_kernels.inc"
#include "ops/cpu/int8_avx512.inc"
#include "ops/cpu/bf16_avx512.inc"
// clang-format on

namespace hadal::cpu {

const MicroKernels& avx512_bf16_micro_kernels() {
  static constexpr MicroKernels kKernels = {
      .name = "avx512-bf16",
      .float_dot = float_dot,
      .quantize_int8 = quantize_int8,
      .fp4_int8_dot = fp4_int8_dot,
      .int8_dot = int8_dot,
      .bf16_dot = bf16_dot,
      .pack_bf16 = pack_bf16,
      .index_scores = index_scores,
      .attend_block = attend_block,
      .attend_finish = attend_finish,
      .decode_kv = decode_kv,
      .rms_norm = rms_norm,
      .mean_square = mean_square,
      .swiglu = swiglu,
      .mix = mix,
      .rotate = rotate,
      .rotate_back = rotate_back,
      .pool_rows = pool_rows,
      .join_softmax = join_softmax,
      .spread = spread,
      .hadamard = hadamard,
      .q4_round = q4_round,
  };
  return kKernels;
}

}  // namespace hadal::cpu
