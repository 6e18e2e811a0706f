// Sixteen float32 lanes as one AVX-512 register. Included by files that are compiled for AVX-512
// only; everything is static, so that no copy can end up in code for older machines. The same
// interface in two AVX2 registers: simd_avx2.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

namespace hadal::cpu {
namespace {

struct Lanes {
  __m512 v;
};

inline __mmask16 first_lanes(size_t count) { return static_cast<__mmask16>((1U << count) - 1); }

inline Lanes zero() { return {_mm512_setzero_ps()}; }
inline Lanes broadcast(float x) { return {_mm512_set1_ps(x)}; }
inline Lanes load(const void* p) { return {_mm512_loadu_ps(p)}; }
// The first `count` (1 to 15) lanes from memory, the others zero.
inline Lanes load_first(const void* p, size_t count) {
  return {_mm512_maskz_loadu_ps(first_lanes(count), p)};
}
inline void store(float* p, Lanes a) { _mm512_storeu_ps(p, a.v); }
inline void store_first(float* p, size_t count, Lanes a) {
  _mm512_mask_storeu_ps(p, first_lanes(count), a.v);
}
inline Lanes add(Lanes a, Lanes b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Lanes sub(Lanes a, Lanes b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Lanes mul(Lanes a, Lanes b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Lanes div(Lanes a, Lanes b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Lanes min(Lanes a, Lanes b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Lanes max(Lanes a, Lanes b) { return {_mm512_max_ps(a.v, b.v)}; }
// a · b + c, rounded once.
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// Lanes 1, 0, 3, 2, …
inline Lanes swap_pairs(Lanes a) { return {_mm512_permute_ps(a.v, 0xb1)}; }
// Lane i changes places with lane i ^ distance.
template <int distance>
inline Lanes swap_lanes(Lanes a) {
  static_assert(distance == 1 || distance == 2 || distance == 4 || distance == 8);
  if constexpr (distance == 1) return swap_pairs(a);
  if constexpr (distance == 2) return {_mm512_permute_ps(a.v, 0x4e)};
  if constexpr (distance == 4) return {_mm512_shuffle_f32x4(a.v, a.v, 0xb1)};
  return {_mm512_shuffle_f32x4(a.v, a.v, 0x4e)};
}
// `magnitude`, which is not negative, with the sign of a.
inline Lanes copy_sign(Lanes magnitude, Lanes a) {
  const __m512 sign = _mm512_and_ps(a.v, _mm512_set1_ps(-0.0F));
  return {_mm512_or_ps(magnitude.v, sign)};
}
inline Lanes absolute(Lanes a) { return {_mm512_abs_ps(a.v)}; }
// Nearest integer, ties to even.
inline Lanes round_nearest(Lanes a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// a · 2^n for integral n in [-126, 127].
inline Lanes scale_by_power(Lanes a, Lanes n) {
  const __m512i exponent =
      _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127)), 23);
  return {_mm512_mul_ps(a.v, _mm512_castsi512_ps(exponent))};
}
// a where x >= limit, 0 elsewhere and where x is NaN.
inline Lanes zero_unless_at_least(Lanes a, Lanes x, Lanes limit) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, limit.v, _CMP_GE_OQ), a.v)};
}

// Sixteen bf16 values, widened.
inline Lanes load_bf16(const void* p) {
  const __m256i codes = _mm256_loadu_si256(static_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(codes), 16))};
}

// Sixteen e4m3 codes times 2^-8: the sign and the other seven bits moved into fp16, whose exponent
// bias is eight larger. Exact, subnormal codes included; NaN codes become +-480.
inline Lanes load_e4m3_scaled(const void* p) {
  const __m256i codes = _mm256_cvtepi8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  const __m256i shifted = _mm256_and_si256(_mm256_slli_epi16(codes, 7),
                                           _mm256_set1_epi16(static_cast<int16_t>(0xbfff)));
  return {_mm512_cvtph_ps(shifted)};
}
inline void load_e4m3_scaled(const void* p, Lanes& first, Lanes& second) {
  first = load_e4m3_scaled(p);
  second = load_e4m3_scaled(static_cast<const char*>(p) + 16);
}

// Sixteen packed bytes: 32 e2m1 values in order, the low nibble first.
inline void load_e2m1(const void* p, Lanes& first, Lanes& second) {
  const __m512i packed = _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  const __m512 table = _mm512_setr_ps(0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F, -0.0F, -0.5F,
                                      -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F);
  const __m512 low = _mm512_permutexvar_ps(packed, table);
  const __m512 high = _mm512_permutexvar_ps(_mm512_srli_epi32(packed, 4), table);
  const __m512i to_first =
      _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i to_second =
      _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  first = {_mm512_permutex2var_ps(low, to_first, high)};
  second = {_mm512_permutex2var_ps(low, to_second, high)};
}

// Lanes l and l + 8 first, then + 4, + 2, + 1.
inline float sum_lanes(Lanes a) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// out[0, 4) = the sums of the lanes of four registers, each in the order of sum_lanes.
inline void store_sums(float* out, const Lanes* a) {
  const auto halves = [](Lanes first, Lanes second) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(first.v, second.v, 0x44),
                         _mm512_shuffle_f32x4(first.v, second.v, 0xee));
  };
  const __m512 first = halves(a[0], a[1]);
  const __m512 second = halves(a[2], a[3]);
  // One quarter for each register from here on.
  __m512 sums = _mm512_add_ps(_mm512_shuffle_f32x4(first, second, 0x88),
                              _mm512_shuffle_f32x4(first, second, 0xdd));
  sums = _mm512_add_ps(sums, _mm512_permute_ps(sums, 0x4e));
  sums = _mm512_add_ps(sums, _mm512_permute_ps(sums, 0xb1));
  const __m512 packed = _mm512_permutexvar_ps(
      _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), sums);
  _mm_storeu_ps(out, _mm512_castps512_ps128(packed));
}

inline float max_lanes(Lanes a) { return _mm512_reduce_max_ps(a.v); }
inline float min_lanes(Lanes a) { return _mm512_reduce_min_ps(a.v); }

}  // namespace
}  // namespace hadal::cpu
