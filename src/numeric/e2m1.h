// The 4-bit float e2m1 of FP4 expert weights and index keys: code bit 3 is the sign, the magnitudes
// are 0, 0.5, 1, 1.5, 2, 3, 4, 6; no NaN, no infinity. Two codes share a byte, the first of a pair
// in the low nibble. Scales of blocks of such values are in block_scale.h.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace hadal {

constexpr float kE2m1Max = 6.0f;

namespace numeric_internal {

inline constexpr std::array<float, 16> kE2m1Table = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,
                                                     4.0f,  6.0f,  -0.0f, -0.5f, -1.0f, -1.5f,
                                                     -2.0f, -3.0f, -4.0f, -6.0f};

}  // namespace numeric_internal

// The value of the low 4 bits of `code`; exact.
inline float e2m1_decode(int code) {
  return numeric_internal::kE2m1Table[static_cast<size_t>(code & 15)];
}

// The nearest 4-bit code, ties to the even one. Beyond +-6, infinities included, the result
// saturates to +-6; NaN of either sign becomes +6; the sign of zero is kept.
inline uint8_t e2m1_encode(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t sign = (bits >> 28) & 8;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return 7;
  }
  uint32_t code = 0;
  if (magnitude >= std::bit_cast<uint32_t>(kE2m1Max)) {
    code = 7;
  } else if (magnitude < std::bit_cast<uint32_t>(1.0f)) {
    // The codes below 1 are multiples of 1/2, which is the last bit of a float near 2^22.
    code = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0x1p22f) & 3;
  } else {
    const uint32_t odd = (magnitude >> 22) & 1;
    code = ((magnitude + 0x1fffffu + odd) >> 22) - (126u << 1);
  }
  return static_cast<uint8_t>(sign | code);
}

// The value of the nearest code, e2m1_decode(e2m1_encode(x)), without a branch or a table, so that
// loops over it become vectors.
inline float e2m1_nearest(float x) {
  const auto bits = std::bit_cast<int32_t>(x);
  const int32_t magnitude = bits & 0x7fffffff;
  const int32_t odd = (magnitude >> 22) & 1;
  const auto rounded = static_cast<int32_t>(
      (static_cast<uint32_t>(magnitude) + 0x1fffffu + static_cast<uint32_t>(odd)) & 0xffc00000u);
  const float below_one = (std::bit_cast<float>(magnitude) + 0x1p22f) - 0x1p22f;
  // Masks: a compiler may not add in advance what a condition might spare.
  const int32_t small = -static_cast<int32_t>(magnitude < std::bit_cast<int32_t>(1.0f));
  const int32_t value = (std::bit_cast<int32_t>(below_one) & small) | (rounded & ~small);
  const int32_t finite = std::min(value, std::bit_cast<int32_t>(kE2m1Max));
  const int32_t number = -static_cast<int32_t>(magnitude <= 0x7f800000);
  const int32_t sign = bits & number & std::numeric_limits<int32_t>::min();
  return std::bit_cast<float>((finite & number) | (std::bit_cast<int32_t>(kE2m1Max) & ~number) |
                              sign);
}

}  // namespace hadal
