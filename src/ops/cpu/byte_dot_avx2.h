// Dot products of weights and int8 codes by vpmaddubsw, which adds the products of two unsigned and
// two signed bytes in 16 bits and saturates. Why nothing saturates or overflows stands with each
// function; codes lie in [-127, 127]. The same interface by vpdpbusd: byte_dot_vnni.h.
#pragma once

namespace hadal::cpu {
namespace {

// A tile of 16 features takes two registers: ten sums, two registers of weights, one of codes and
// two of products.
inline constexpr int kByteTileRows = 5;
inline constexpr int kByteVectors = 2;
inline constexpr int kByteChains = 1;  // the addition that ends a product takes one cycle

inline constexpr int kFp4Offset = kFp4Bias;  // what unsigned weights lie above their values

// Keeps the compiler from computing all products of a tile before it adds the first: there are not
// registers for that, and sums would be stored and loaded again.
inline void in_this_order(__m256i& sum) { asm volatile("" : "+x"(sum)); }

inline __m256i sum_of_pairs(__m256i words) {
  return _mm256_madd_epi16(words, _mm256_set1_epi16(1));
}

// Sums over the 32 columns of a group of (weight + 12) · code, less 12 · Σ code: every word holds
// two of each four columns, and starts at -12 times the sum of their codes. A product of two pairs
// of bytes is at most 2 · 24 · 127 = 6096. Additions of words wrap around, and the result of all is
// right, for the sum of weight · code over the word's 16 columns is at most 16 · 12 · 127 = 24384.
inline IntVector start_fp4(const GroupStart& group) {
  int32_t both;
  __builtin_memcpy(&both, &group, sizeof both);
  return _mm256_set1_epi32(both);
}

inline IntVector add_fp4(IntVector sums, IntVector weights, IntVector codes) {
  sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(weights, codes));
  in_this_order(sums);
  return sums;
}

inline IntVector total(IntVector sums) { return sum_of_pairs(sums); }

// Eight columns of one feature in each lane's words, at most 2 · 6096 each; -12 · Σ code is added
// once for four features, after their lanes were joined.
inline constexpr bool kStreamStartsJoined = true;

inline Ints stream_fp4(Ints, const Nibbles& weights, Ints even, Ints odd) {
  const auto half = [](__m256i w_even, __m256i w_odd, __m256i x_even, __m256i x_odd) {
    return sum_of_pairs(
        _mm256_add_epi16(_mm256_maddubs_epi16(w_even, x_even), _mm256_maddubs_epi16(w_odd, x_odd)));
  };
  return {half(weights.even.low, weights.odd.low, even.low, odd.low),
          half(weights.even.high, weights.odd.high, even.high, odd.high)};
}

// Signs move from weights to codes, so that two products are at most 2 · 127 · 127 = 32258; the sum
// of more is widened at once.
struct Int8Weights {
  IntVector values;
  IntVector magnitudes;
};

// Codes + 128 as they are stored.
inline Int8Weights load_int8(const uint8_t* p) {
  const IntVector values = _mm256_xor_si256(load_vector(p), _mm256_set1_epi8(-128));
  return {values, _mm256_abs_epi8(values)};
}

inline IntVector start_int8(int32_t) { return int_vector(0); }

inline IntVector add_int8(IntVector sum, const Int8Weights& weights, IntVector codes) {
  const IntVector signed_codes = _mm256_sign_epi8(codes, weights.values);
  sum = add(sum, sum_of_pairs(_mm256_maddubs_epi16(weights.magnitudes, signed_codes)));
  in_this_order(sum);
  return sum;
}

}  // namespace
}  // namespace hadal::cpu
