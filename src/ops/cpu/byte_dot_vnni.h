// Dot products of weights and int8 codes by instructions that add the products of four bytes in 32
// bits. Needs dot_bytes (unsigned · signed) and, where there is one of signed bytes, dot_signed and
// HADAL_DOT_SIGNED. Unsigned weights carry an offset, which is taken away again as offset · Σ code:
// that is what sums start from. The same interface by vpmaddubsw: byte_dot_avx2.h.
#pragma once

namespace hadal::cpu {
namespace {

#if defined(HADAL_DOT_SIGNED)
inline constexpr int kFp4Offset = 0;  // what weights lie above their values
#else
inline constexpr int kFp4Offset = kFp4Bias;  // what unsigned weights lie above their values
#endif
inline constexpr int kInt8Offset = 128;

inline IntVector start_fp4(const GroupStart& group) {
  return int_vector(kFp4Offset == 0 ? 0 : group.first + group.second);
}

template <typename Vector>
inline Vector add_fp4(Vector sums, Vector weights, Vector codes) {
#if defined(HADAL_DOT_SIGNED)
  return dot_signed(sums, weights, codes);
#else
  return dot_bytes(sums, weights, codes);
#endif
}

inline IntVector total(IntVector sums) { return sums; }

// The start of a group stands in the first of its four lanes.
inline constexpr bool kStreamStartsJoined = false;

inline Ints stream_fp4(Ints start, const Nibbles& weights, Ints even, Ints odd) {
  return add_fp4(add_fp4(start, weights.even, even), weights.odd, odd);
}

using Int8Weights = IntVector;

// Codes + 128 as they are stored.
inline Int8Weights load_int8(const uint8_t* p) { return load_vector(p); }

inline IntVector start_int8(int32_t block_sum) { return int_vector(-kInt8Offset * block_sum); }

inline IntVector add_int8(IntVector sum, Int8Weights weights, IntVector codes) {
  return dot_bytes(sum, weights, codes);
}

}  // namespace
}  // namespace hadal::cpu
