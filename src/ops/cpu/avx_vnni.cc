#include "ops/cpu/micro_kernels.h"
#include "ops/cpu/simd_avx2.h"
// Each uses what the ones before it define.
// clang-format off
#include "ops/cpu/ints_avx2.h"
#include "ops/cpu/tiles_avx2.h"
#include "ops/cpu/dot_avx_vnni.h"
#include "ops/cpu/byte_dot_vnni.h"
#include "ops/cpu/all_kernels.inc"
// clang-format on

namespace hadal::cpu {

const MicroKernels& avx_vnni_micro_kernels() {
  static constexpr MicroKernels kKernels = kernels_named("avx-vnni");
  return kKernels;
}

}  // namespace hadal::cpu
