// Sixty-four bytes of integers as two AVX2 registers: bytes, sixteen 32-bit lanes, or four quarters
// of 128 bits. The interface of ints_avx512.h, with the same result in every byte. Everything is
// static, as in simd_avx2.h, which is included before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

namespace hadal::cpu {
namespace {

struct Ints {
  __m256i low;
  __m256i high;
};

inline Ints load_ints(const void* p) {
  const auto* half = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(half), _mm256_loadu_si256(half + 1)};
}
inline void store_ints(void* p, Ints a) {
  auto* half = static_cast<__m256i*>(p);
  _mm256_storeu_si256(half, a.low);
  _mm256_storeu_si256(half + 1, a.high);
}
inline Ints add(Ints a, Ints b) {
  return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
inline Lanes to_floats(Ints a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }

// Single registers, for loops that count them.
using IntVector = __m256i;
using FloatVector = __m256;
inline constexpr int kVectorLanes = 8;

inline IntVector load_vector(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline FloatVector load_vector(const float* p) { return _mm256_loadu_ps(p); }
inline void store_vector(float* p, FloatVector a) { _mm256_storeu_ps(p, a); }
inline IntVector int_vector(int32_t x) { return _mm256_set1_epi32(x); }
inline FloatVector float_vector(float x) { return _mm256_set1_ps(x); }
inline IntVector add(IntVector a, IntVector b) { return _mm256_add_epi32(a, b); }
inline FloatVector add(FloatVector a, FloatVector b) { return _mm256_add_ps(a, b); }
inline FloatVector mul(FloatVector a, FloatVector b) { return _mm256_mul_ps(a, b); }
inline FloatVector max(FloatVector a, FloatVector b) { return _mm256_max_ps(a, b); }
inline FloatVector multiply_add(FloatVector a, FloatVector b, FloatVector c) {
  return _mm256_fmadd_ps(a, b, c);
}
inline FloatVector to_floats(IntVector a) { return _mm256_cvtepi32_ps(a); }
// The first `count` lanes.
inline FloatVector load_vector_part(const float* p, int count) {
  return _mm256_maskload_ps(p, first_of_eight(count));
}
inline void store_vector_part(float* p, int count, FloatVector a) {
  _mm256_maskstore_ps(p, first_of_eight(count), a);
}
// Four bytes over and over.
inline IntVector broadcast_quad(const int8_t* bytes) {
  int32_t four;
  __builtin_memcpy(&four, bytes, sizeof four);
  return _mm256_set1_epi32(four);
}

// Sixteen e8m0 codes, bytes of `codes`, as powers of two; code 0 as 0.
inline Lanes powers_of_bytes(__m128i codes) {
  const auto power = [](__m128i eight) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu8_epi32(eight), 23));
  };
  return {power(codes), power(_mm_srli_si128(codes, 8))};
}
// The same of byte `place` of every 32-bit lane.
inline Lanes powers_of_lanes(Ints codes, int place) {
  const auto power = [&](__m256i eight) {
    const __m256i code = _mm256_srl_epi32(eight, _mm_cvtsi32_si128(8 * place));
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_and_si256(code, _mm256_set1_epi32(255)), 23));
  };
  return {power(codes.low), power(codes.high)};
}

// A table of sixteen bytes, to be looked up by nibbles.
struct ByteTable {
  __m256i bytes;
};

inline ByteTable byte_table(__m128i bytes) { return {_mm256_broadcastsi128_si256(bytes)}; }

struct Nibbles {
  Ints even;  // of the low nibbles
  Ints odd;
};

inline Nibbles look_up_nibbles(Ints packed, ByteTable table) {
  const __m256i mask = _mm256_set1_epi8(15);
  const auto low = [&](__m256i v) {
    return _mm256_shuffle_epi8(table.bytes, _mm256_and_si256(v, mask));
  };
  const auto high = [&](__m256i v) { return low(_mm256_srli_epi16(v, 4)); };
  return {{low(packed.low), low(packed.high)}, {high(packed.low), high(packed.high)}};
}

// 64 values in [-127, 127] as signed bytes: the nearest integers, ties to even; what is not a
// number becomes 0.
inline Ints nearest_bytes(const Lanes (&a)[4]) {
  const auto half = [](Lanes first, Lanes second) {
    const __m256i low =
        _mm256_packs_epi32(_mm256_cvtps_epi32(first.low), _mm256_cvtps_epi32(first.high));
    const __m256i high =
        _mm256_packs_epi32(_mm256_cvtps_epi32(second.low), _mm256_cvtps_epi32(second.high));
    const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high),
                                                      _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    // What is not a number converts to the least integer.
    return _mm256_andnot_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(-128)), bytes);
  };
  return {half(a[0], a[1]), half(a[2], a[3])};
}

// Bytes 0, 2, 4, … of 128 to `even`, the others to `odd`.
inline void split_bytes(const Ints (&bytes)[2], Ints& even, Ints& odd) {
  const auto split = [](__m256i low, __m256i high, __m256i& even_half, __m256i& odd_half) {
    const __m256i to_halves = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
    const __m256i a = _mm256_shuffle_epi8(low, to_halves);
    const __m256i b = _mm256_shuffle_epi8(high, to_halves);
    even_half = _mm256_permute4x64_epi64(_mm256_unpacklo_epi64(a, b), 0xd8);
    odd_half = _mm256_permute4x64_epi64(_mm256_unpackhi_epi64(a, b), 0xd8);
  };
  split(bytes[0].low, bytes[0].high, even.low, odd.low);
  split(bytes[1].low, bytes[1].high, even.high, odd.high);
}

// `factor` times the sums of bytes 0, 1 and of bytes 2, 3 of every four, of quarters of `a` and `b`
// together, as [quarter][2] words.
inline void store_quarter_sums(int16_t* out, Ints a, Ints b, int16_t factor) {
  const __m256i ones = _mm256_set1_epi8(1);
  const auto put = [&](int16_t* p, __m256i x, __m256i y) {
    __m256i sums = _mm256_add_epi16(_mm256_maddubs_epi16(ones, x), _mm256_maddubs_epi16(ones, y));
    sums = _mm256_add_epi16(sums, _mm256_shuffle_epi32(sums, 0x4e));
    sums = _mm256_add_epi16(sums, _mm256_shuffle_epi32(sums, 0xb1));
    sums = _mm256_mullo_epi16(sums, _mm256_set1_epi16(factor));
    const __m128i both =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), both);
  };
  put(out, a.low, b.low);
  put(out + 4, a.high, b.high);
}

// In every quarter, lane f becomes the sum of the quarter's lanes in the argument f.
inline Ints sum_quarters(const Ints (&f)[4]) {
  const auto half = [](__m256i f0, __m256i f1, __m256i f2, __m256i f3) {
    const __m256i a =
        _mm256_add_epi32(_mm256_unpacklo_epi32(f0, f1), _mm256_unpackhi_epi32(f0, f1));
    const __m256i b =
        _mm256_add_epi32(_mm256_unpacklo_epi32(f2, f3), _mm256_unpackhi_epi32(f2, f3));
    return _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
  };
  return {half(f[0].low, f[1].low, f[2].low, f[3].low),
          half(f[0].high, f[1].high, f[2].high, f[3].high)};
}

// Quarter j of register i becomes quarter i of register j.
inline void transpose_quarters(Lanes (&v)[4]) {
  const auto pair = [](__m256 a, __m256 b, __m256& first, __m256& second) {
    first = _mm256_permute2f128_ps(a, b, 0x20);
    second = _mm256_permute2f128_ps(a, b, 0x31);
  };
  Lanes t[4];
  pair(v[0].low, v[1].low, t[0].low, t[1].low);
  pair(v[2].low, v[3].low, t[0].high, t[1].high);
  pair(v[0].high, v[1].high, t[2].low, t[3].low);
  pair(v[2].high, v[3].high, t[2].high, t[3].high);
  for (int i = 0; i < 4; ++i) v[i] = t[i];
}

template <int index>
inline __m128 quarter_of(Lanes a) {
  return _mm256_extractf128_ps(index < 2 ? a.low : a.high, index % 2);
}

inline void transpose_eight(__m256i* v) {
  __m256i t[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
  }
  __m256i u[8];
  for (int i = 0; i < 8; i += 4) {
    u[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
    u[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
    u[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
    u[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_permute2x128_si256(u[i], u[4 + i], 0x20);
    v[4 + i] = _mm256_permute2x128_si256(u[i], u[4 + i], 0x31);
  }
}

// Rows of a 16 x 16 matrix of 32-bit values become columns.
inline void transpose_lanes(Ints (&v)[16]) {
  __m256i blocks[4][8];  // rows below and above 8, of columns below and above 8
  for (int i = 0; i < 8; ++i) {
    blocks[0][i] = v[i].low;
    blocks[1][i] = v[8 + i].low;
    blocks[2][i] = v[i].high;
    blocks[3][i] = v[8 + i].high;
  }
  for (auto& block : blocks) transpose_eight(block);
  for (int i = 0; i < 8; ++i) {
    v[i] = {blocks[0][i], blocks[1][i]};
    v[8 + i] = {blocks[2][i], blocks[3][i]};
  }
}

}  // namespace
}  // namespace hadal::cpu
