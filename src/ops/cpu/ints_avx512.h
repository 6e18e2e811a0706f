// Sixty-four bytes of integers as one AVX-512 register: bytes, sixteen 32-bit lanes, or four
// quarters of 128 bits. The same interface in two AVX2 registers: ints_avx2.h. Everything is
// static, as in simd_avx512.h, which is included before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

namespace hadal::cpu {
namespace {

struct Ints {
  __m512i v;
};

inline Ints load_ints(const void* p) { return {_mm512_loadu_si512(p)}; }
inline void store_ints(void* p, Ints a) { _mm512_storeu_si512(p, a.v); }
inline Ints add(Ints a, Ints b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline Lanes to_floats(Ints a) { return {_mm512_cvtepi32_ps(a.v)}; }

// Single registers, for loops that count them.
using IntVector = __m512i;
using FloatVector = __m512;
inline constexpr int kVectorLanes = 16;

inline IntVector load_vector(const uint8_t* p) { return _mm512_loadu_si512(p); }
inline FloatVector load_vector(const float* p) { return _mm512_loadu_ps(p); }
inline void store_vector(float* p, FloatVector a) { _mm512_storeu_ps(p, a); }
inline IntVector int_vector(int32_t x) { return _mm512_set1_epi32(x); }
inline FloatVector float_vector(float x) { return _mm512_set1_ps(x); }
inline IntVector add(IntVector a, IntVector b) { return _mm512_add_epi32(a, b); }
inline FloatVector add(FloatVector a, FloatVector b) { return _mm512_add_ps(a, b); }
inline FloatVector mul(FloatVector a, FloatVector b) { return _mm512_mul_ps(a, b); }
inline FloatVector max(FloatVector a, FloatVector b) { return _mm512_max_ps(a, b); }
inline FloatVector multiply_add(FloatVector a, FloatVector b, FloatVector c) {
  return _mm512_fmadd_ps(a, b, c);
}
inline FloatVector to_floats(IntVector a) { return _mm512_cvtepi32_ps(a); }
// The first `count` lanes.
inline FloatVector load_vector_part(const float* p, int count) {
  return _mm512_maskz_loadu_ps(first_lanes(static_cast<size_t>(count)), p);
}
inline void store_vector_part(float* p, int count, FloatVector a) {
  _mm512_mask_storeu_ps(p, first_lanes(static_cast<size_t>(count)), a);
}
// Four bytes over and over.
inline IntVector broadcast_quad(const int8_t* bytes) {
  int32_t four;
  __builtin_memcpy(&four, bytes, sizeof four);
  return _mm512_set1_epi32(four);
}

// Sixteen e8m0 codes, bytes of `codes`, as powers of two; code 0 as 0.
inline Lanes powers_of_bytes(__m128i codes) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu8_epi32(codes), 23))};
}
// The same of byte `place` of every 32-bit lane.
inline Lanes powers_of_lanes(Ints codes, int place) {
  const __m512i code = _mm512_srli_epi32(codes.v, static_cast<unsigned>(8 * place));
  return {
      _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_and_si512(code, _mm512_set1_epi32(255)), 23))};
}

// A table of sixteen bytes, to be looked up by nibbles.
struct ByteTable {
  __m512i bytes;
};

inline ByteTable byte_table(__m128i bytes) { return {_mm512_broadcast_i32x4(bytes)}; }

struct Nibbles {
  Ints even;  // of the low nibbles
  Ints odd;
};

inline Nibbles look_up_nibbles(Ints packed, ByteTable table) {
  const __m512i mask = _mm512_set1_epi8(15);
  const auto low = [&](__m512i v) {
    return Ints{_mm512_shuffle_epi8(table.bytes, _mm512_and_si512(v, mask))};
  };
  return {low(packed.v), low(_mm512_srli_epi16(packed.v, 4))};
}

// 64 values in [-127, 127] as signed bytes: the nearest integers, ties to even; what is not a
// number becomes 0.
inline Ints nearest_bytes(const Lanes (&a)[4]) {
  const auto quarter = [](Lanes x) { return _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x.v)); };
  const __m256i low =
      _mm256_inserti128_si256(_mm256_castsi128_si256(quarter(a[0])), quarter(a[1]), 1);
  const __m256i high =
      _mm256_inserti128_si256(_mm256_castsi128_si256(quarter(a[2])), quarter(a[3]), 1);
  const __m512i bytes = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  // What is not a number converts to the least integer.
  return {_mm512_maskz_mov_epi8(_mm512_cmpneq_epi8_mask(bytes, _mm512_set1_epi8(-128)), bytes)};
}

// Bytes 0, 2, 4, … of 128 to `even`, the others to `odd`.
inline void split_bytes(const Ints (&bytes)[2], Ints& even, Ints& odd) {
  const auto join = [](__m512i low, __m512i high) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi16_epi8(low)),
                              _mm512_cvtepi16_epi8(high), 1);
  };
  even.v = join(bytes[0].v, bytes[1].v);
  odd.v = join(_mm512_srli_epi16(bytes[0].v, 8), _mm512_srli_epi16(bytes[1].v, 8));
}

// `factor` times the sums of bytes 0, 1 and of bytes 2, 3 of every four, of quarters of `a` and `b`
// together, as [quarter][2] words.
inline void store_quarter_sums(int16_t* out, Ints a, Ints b, int16_t factor) {
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sums = _mm512_add_epi16(_mm512_maddubs_epi16(ones, a.v), _mm512_maddubs_epi16(ones, b.v));
  sums = _mm512_add_epi16(sums, _mm512_shuffle_epi32(sums, _MM_PERM_BADC));
  sums = _mm512_add_epi16(sums, _mm512_shuffle_epi32(sums, _MM_PERM_CDAB));
  sums = _mm512_mullo_epi16(sums, _mm512_set1_epi16(factor));
  const __m512i first_of_quarters =
      _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                   _mm512_castsi512_si128(_mm512_permutexvar_epi32(first_of_quarters, sums)));
}

// In every quarter, lane f becomes the sum of the quarter's lanes in the argument f.
inline Ints sum_quarters(const Ints (&f)[4]) {
  const __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(f[0].v, f[1].v),
                                     _mm512_unpackhi_epi32(f[0].v, f[1].v));
  const __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(f[2].v, f[3].v),
                                     _mm512_unpackhi_epi32(f[2].v, f[3].v));
  return {_mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b))};
}

// Quarter j of register i becomes quarter i of register j.
inline void transpose_quarters(Lanes (&v)[4]) {
  const __m512 low_a = _mm512_shuffle_f32x4(v[0].v, v[1].v, 0x44);
  const __m512 high_a = _mm512_shuffle_f32x4(v[0].v, v[1].v, 0xee);
  const __m512 low_b = _mm512_shuffle_f32x4(v[2].v, v[3].v, 0x44);
  const __m512 high_b = _mm512_shuffle_f32x4(v[2].v, v[3].v, 0xee);
  v[0].v = _mm512_shuffle_f32x4(low_a, low_b, 0x88);
  v[1].v = _mm512_shuffle_f32x4(low_a, low_b, 0xdd);
  v[2].v = _mm512_shuffle_f32x4(high_a, high_b, 0x88);
  v[3].v = _mm512_shuffle_f32x4(high_a, high_b, 0xdd);
}

template <int index>
inline __m128 quarter_of(Lanes a) {
  return _mm512_extractf32x4_ps(a.v, index);
}

// Adds the products of four unsigned and four signed bytes to every lane.
inline IntVector dot_bytes(IntVector sum, IntVector a, IntVector b) {
  return _mm512_dpbusd_epi32(sum, a, b);
}
inline Ints dot_bytes(Ints sum, Ints a, Ints b) { return {dot_bytes(sum.v, a.v, b.v)}; }

// Rows of a 16 x 16 matrix of 32-bit values become columns.
inline void transpose_lanes(Ints (&v)[16]) {
  __m512i t[16];
  __m512i u[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(v[i].v, v[i + 1].v);
    t[i + 1] = _mm512_unpackhi_epi32(v[i].v, v[i + 1].v);
  }
  for (int i = 0; i < 16; i += 4) {
    u[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    u[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    u[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    u[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(u[i], u[4 + i], 0x88);
    t[4 + i] = _mm512_shuffle_i32x4(u[i], u[4 + i], 0xdd);
    t[8 + i] = _mm512_shuffle_i32x4(u[8 + i], u[12 + i], 0x88);
    t[12 + i] = _mm512_shuffle_i32x4(u[8 + i], u[12 + i], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    v[i].v = _mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
    v[8 + i].v = _mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
    v[4 + i].v = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88);
    v[12 + i].v = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd);
  }
}

}  // namespace
}  // namespace hadal::cpu
