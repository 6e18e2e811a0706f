// Sixteen float32 lanes as two AVX2 registers (with FMA and F16C): the interface of simd_avx512.h,
// with the same result in every lane. Included by files that are compiled for AVX2 only;
// everything is static, so that no copy can end up in code for older machines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

namespace hadal::cpu {
namespace {

struct Lanes {
  __m256 low;
  __m256 high;
};

// All ones in the first `count` of eight 32-bit lanes; count may lie outside [0, 8].
inline __m256i first_of_eight(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline Lanes zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline Lanes broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline Lanes load(const void* p) {
  const auto* floats = static_cast<const float*>(p);
  return {_mm256_loadu_ps(floats), _mm256_loadu_ps(floats + 8)};
}
// The first `count` (1 to 15) lanes from memory, the others zero.
inline Lanes load_first(const void* p, size_t count) {
  const auto* floats = static_cast<const float*>(p);
  const int n = static_cast<int>(count);
  return {_mm256_maskload_ps(floats, first_of_eight(n)),
          n > 8 ? _mm256_maskload_ps(floats + 8, first_of_eight(n - 8)) : _mm256_setzero_ps()};
}
inline void store(float* p, Lanes a) {
  _mm256_storeu_ps(p, a.low);
  _mm256_storeu_ps(p + 8, a.high);
}
inline void store_first(float* p, size_t count, Lanes a) {
  const int n = static_cast<int>(count);
  _mm256_maskstore_ps(p, first_of_eight(n), a.low);
  if (n > 8) _mm256_maskstore_ps(p + 8, first_of_eight(n - 8), a.high);
}
inline Lanes add(Lanes a, Lanes b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
inline Lanes sub(Lanes a, Lanes b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
inline Lanes mul(Lanes a, Lanes b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
inline Lanes div(Lanes a, Lanes b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
inline Lanes min(Lanes a, Lanes b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
inline Lanes max(Lanes a, Lanes b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
// a · b + c, rounded once.
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
// Lanes 1, 0, 3, 2, …
inline Lanes swap_pairs(Lanes a) {
  return {_mm256_permute_ps(a.low, 0xb1), _mm256_permute_ps(a.high, 0xb1)};
}
// Lane i changes places with lane i ^ distance.
template <int distance>
inline Lanes swap_lanes(Lanes a) {
  static_assert(distance == 1 || distance == 2 || distance == 4 || distance == 8);
  if constexpr (distance == 1) return swap_pairs(a);
  if constexpr (distance == 2) {
    return {_mm256_permute_ps(a.low, 0x4e), _mm256_permute_ps(a.high, 0x4e)};
  }
  if constexpr (distance == 4) {
    return {_mm256_permute2f128_ps(a.low, a.low, 1), _mm256_permute2f128_ps(a.high, a.high, 1)};
  }
  return {a.high, a.low};
}
// `magnitude`, which is not negative, with the sign of a.
inline Lanes copy_sign(Lanes magnitude, Lanes a) {
  const __m256 sign = _mm256_set1_ps(-0.0F);
  return {_mm256_or_ps(magnitude.low, _mm256_and_ps(a.low, sign)),
          _mm256_or_ps(magnitude.high, _mm256_and_ps(a.high, sign))};
}
inline Lanes absolute(Lanes a) {
  const __m256 sign = _mm256_set1_ps(-0.0F);
  return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
// Nearest integer, ties to even.
inline Lanes round_nearest(Lanes a) {
  constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.low, kMode), _mm256_round_ps(a.high, kMode)};
}
// a · 2^n for integral n in [-126, 127].
inline Lanes scale_by_power(Lanes a, Lanes n) {
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256i low = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.low), bias), 23);
  const __m256i high = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.high), bias), 23);
  return {_mm256_mul_ps(a.low, _mm256_castsi256_ps(low)),
          _mm256_mul_ps(a.high, _mm256_castsi256_ps(high))};
}
// a where x >= limit, 0 elsewhere and where x is NaN.
inline Lanes zero_unless_at_least(Lanes a, Lanes x, Lanes limit) {
  return {_mm256_and_ps(_mm256_cmp_ps(x.low, limit.low, _CMP_GE_OQ), a.low),
          _mm256_and_ps(_mm256_cmp_ps(x.high, limit.high, _CMP_GE_OQ), a.high)};
}

// Sixteen bf16 values, widened.
inline Lanes load_bf16(const void* p) {
  const __m256i codes = _mm256_loadu_si256(static_cast<const __m256i*>(p));
  const auto widen = [](__m128i half) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
  };
  return {widen(_mm256_castsi256_si128(codes)), widen(_mm256_extracti128_si256(codes, 1))};
}

// Sixteen e4m3 codes times 2^-8: the sign and the other seven bits moved into fp16, whose exponent
// bias is eight larger. Exact, subnormal codes included; NaN codes become +-480.
inline Lanes load_e4m3_scaled(const void* p) {
  const __m256i codes = _mm256_cvtepi8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  const __m256i shifted = _mm256_and_si256(_mm256_slli_epi16(codes, 7),
                                           _mm256_set1_epi16(static_cast<int16_t>(0xbfff)));
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(shifted)),
          _mm256_cvtph_ps(_mm256_extracti128_si256(shifted, 1))};
}

// The same for 32 codes. Each becomes the upper byte of a word, within the halves of the register:
// half as many steps between its halves as twice sixteen take.
inline void load_e4m3_scaled(const void* p, Lanes& first, Lanes& second) {
  const __m256i codes = _mm256_loadu_si256(static_cast<const __m256i*>(p));
  const __m256i mask = _mm256_set1_epi16(static_cast<int16_t>(0xbfff));
  const auto shifted = [&](__m256i words) {
    return _mm256_and_si256(_mm256_srai_epi16(words, 1), mask);
  };
  // Codes 0 to 7 and 16 to 23, and those between.
  const __m256i even = shifted(_mm256_unpacklo_epi8(_mm256_setzero_si256(), codes));
  const __m256i odd = shifted(_mm256_unpackhi_epi8(_mm256_setzero_si256(), codes));
  first = {_mm256_cvtph_ps(_mm256_castsi256_si128(even)),
           _mm256_cvtph_ps(_mm256_castsi256_si128(odd))};
  second = {_mm256_cvtph_ps(_mm256_extracti128_si256(even, 1)),
            _mm256_cvtph_ps(_mm256_extracti128_si256(odd, 1))};
}

// Sixteen packed bytes: 32 e2m1 values in order, the low nibble first.
inline void load_e2m1(const void* p, Lanes& first, Lanes& second) {
  const __m128i packed = _mm_loadu_si128(static_cast<const __m128i*>(p));
  // Twice the value, as signed bytes.
  const __m128i table = _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
  const __m128i nibble = _mm_set1_epi8(15);
  const __m128i even = _mm_shuffle_epi8(table, _mm_and_si128(packed, nibble));
  const __m128i odd = _mm_shuffle_epi8(table, _mm_and_si128(_mm_srli_epi16(packed, 4), nibble));
  const __m256 half = _mm256_set1_ps(0.5F);
  const auto widen = [&](__m128i bytes) {
    return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), half);
  };
  const __m128i first_bytes = _mm_unpacklo_epi8(even, odd);
  const __m128i second_bytes = _mm_unpackhi_epi8(even, odd);
  first = {widen(first_bytes), widen(_mm_srli_si128(first_bytes, 8))};
  second = {widen(second_bytes), widen(_mm_srli_si128(second_bytes, 8))};
}

// Lanes l and l + 8 first, then + 4, + 2, + 1.
inline float sum_lanes(Lanes a) {
  const __m256 eight = _mm256_add_ps(a.low, a.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// out[0, 4) = the sums of the lanes of four registers.
inline void store_sums(float* out, const Lanes* a) {
  for (int i = 0; i < 4; ++i) out[i] = sum_lanes(a[i]);
}

inline float min_lanes(Lanes a) {
  const __m256 eight = _mm256_min_ps(a.low, a.high);
  const __m128 four = _mm_min_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_min_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)));
}

inline float max_lanes(Lanes a) {
  const __m256 eight = _mm256_max_ps(a.low, a.high);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

}  // namespace
}  // namespace hadal::cpu
