#include "ops/cpu/micro_kernels.h"
#include "ops/cpu/simd_avx512.h"
// Each uses what the ones before it define.
// clang-format off
#include "ops/cpu/ints_avx512.h"
#include "ops/cpu/tiles_avx512.h"
#include "ops/cpu/byte_dot_vnni.h"
#include "ops/cpu/all_kernels.inc"
#include "ops/cpu/bf16_avx512.inc"
// clang-format on

namespace hadal::cpu {
namespace {

constexpr MicroKernels with_bf16_pairs(MicroKernels kernels) {
  kernels.bf16_dot = bf16_dot;
  kernels.pack_bf16 = pack_bf16;
  return kernels;
}

}  // namespace

const MicroKernels& avx512_bf16_micro_kernels() {
  static constexpr MicroKernels kKernels = with_bf16_pairs(kernels_named("avx512-bf16"));
  return kKernels;
}

}  // namespace hadal::cpu
