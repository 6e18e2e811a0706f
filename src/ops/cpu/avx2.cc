#include "ops/cpu/micro_kernels.h"
#include "ops/cpu/simd_avx2.h"

namespace hadal::cpu {
namespace {

// 4 sums of two registers each, 4 registers of weights and 2 of values fit in 16.
constexpr int kTileFeatures = 2;
constexpr int kTileRows = 2;
constexpr int kTileHeads = 2;
constexpr int kTileChannels = 2;

}  // namespace
}  // namespace hadal::cpu

#include "ops/cpu/float_kernels.inc"
#include "ops/cpu/index_kernels.inc"
#include "ops/cpu/int8_avx2.inc"

namespace hadal::cpu {

const MicroKernels& avx2_micro_kernels() {
  static constexpr MicroKernels kKernels = {
      .name = "avx2",
      .float_dot = float_dot,
      .quantize_int8 = quantize_int8,
      .fp4_int8_dot = fp4_int8_dot,
      .int8_dot = int8_dot,
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
