// The dot products of AVX-VNNI and AVX-VNNI-INT8, and the register tiles of kernels that use them.
// Included after ints_avx2.h.
#pragma once

namespace hadal::cpu {
namespace {

// 12 sums, 2 registers of weights and 1 of codes fit in 16.
inline constexpr int kByteTileRows = 6;
inline constexpr int kByteVectors = 2;
// Sums of one row side by side, which hide the latency of a dot product.
inline constexpr int kByteChains = 2;

// Adds the products of four unsigned and four signed bytes to every lane.
inline IntVector dot_bytes(IntVector sum, IntVector a, IntVector b) {
  return _mm256_dpbusd_avx_epi32(sum, a, b);
}
inline Ints dot_bytes(Ints sum, Ints a, Ints b) {
  return {dot_bytes(sum.low, a.low, b.low), dot_bytes(sum.high, a.high, b.high)};
}

// The same of signed bytes: AVX-VNNI-INT8, for which g++ 12 has no intrinsics.
inline IntVector dot_signed(IntVector sum, IntVector a, IntVector b) {
  asm("vpdpbssd %2, %1, %0" : "+x"(sum) : "x"(a), "xm"(b));
  return sum;
}
inline Ints dot_signed(Ints sum, Ints a, Ints b) {
  return {dot_signed(sum.low, a.low, b.low), dot_signed(sum.high, a.high, b.high)};
}

}  // namespace
}  // namespace hadal::cpu
