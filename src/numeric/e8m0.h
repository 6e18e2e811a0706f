// The scale format e8m0: a byte that stands for 2^(code - 127). 255 is NaN; there is no zero and no
// sign. FP8 weights carry one per 128 x 128 block, FP4 weights one per 32 inputs.
#pragma once

#include <bit>
#include <cstdint>

namespace hadal {

constexpr uint8_t kE8m0One = 127;
constexpr uint8_t kE8m0NaN = 255;

// 2^(code - 127), exact: code 0 is the subnormal 2^-127, 255 is NaN.
inline float e8m0_decode(uint8_t code) {
  if (code == 0) {
    return 0x1p-127f;
  }
  const uint32_t quiet_nan_bit = code == kE8m0NaN ? 0x400000u : 0u;
  return std::bit_cast<float>((uint32_t{code} << 23) | quiet_nan_bit);
}

// The code of the smallest power of two that is not below `x`. Zero and negative values give 0
// (2^-127), values above 2^127 give 254 (2^127), NaN gives 255.
inline uint8_t e8m0_encode_ceil(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return kE8m0NaN;
  }
  if (x <= 0x1p-127f) {
    return 0;
  }
  const uint32_t code = (bits >> 23) + ((bits & 0x7fffffu) != 0 ? 1u : 0u);
  return static_cast<uint8_t>(code > 254 ? 254 : code);
}

}  // namespace hadal
