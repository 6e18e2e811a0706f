// The 8-bit float e4m3fn of FP8 weights, activations and cached keys: sign, 4 exponent bits (bias
// 7), 3 mantissa bits; largest 448, smallest 2^-9, no infinities, NaN is 0x7f and 0xff.
// Scales of blocks of such values are in block_scale.h.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>

namespace hadal {

constexpr float kE4m3Max = 448.0f;

namespace numeric_internal {

constexpr std::array<float, 256> make_e4m3_table() {
  std::array<float, 256> table{};
  for (uint32_t code = 0; code < 256; ++code) {
    const uint32_t exponent = (code >> 3) & 15;
    const uint32_t mantissa = code & 7;
    float value = std::numeric_limits<float>::quiet_NaN();
    if ((code & 0x7f) != 0x7f) {
      value = exponent == 0 ? static_cast<float>(mantissa) * 0x1p-9f
                            : std::bit_cast<float>(((exponent + 120) << 23) | (mantissa << 20));
    }
    table[code] = (code & 0x80) != 0 ? -value : value;
  }
  return table;
}

inline constexpr std::array<float, 256> kE4m3Table = make_e4m3_table();

}  // namespace numeric_internal

// The value of a code; exact.
inline float e4m3_decode(uint8_t code) { return numeric_internal::kE4m3Table[code]; }

// The nearest code, ties to the even one. Beyond +-448, infinities included, the result saturates
// to +-448; NaN of either sign becomes 0x7f; the sign of zero is kept.
inline uint8_t e4m3_encode(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t sign = (bits >> 24) & 0x80;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return 0x7f;
  }
  uint32_t code = 0;
  if (magnitude >= std::bit_cast<uint32_t>(kE4m3Max)) {
    code = 0x7e;
  } else if (magnitude < std::bit_cast<uint32_t>(0x1p-6f)) {
    // Subnormal codes are multiples of 2^-9, which is the last bit of a float near 2^14.
    code = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0x1p14f) & 0xf;
  } else {
    const uint32_t odd = (magnitude >> 20) & 1;
    code = ((magnitude + 0x7ffffu + odd) >> 20) - (120u << 3);
  }
  return static_cast<uint8_t>(sign | code);
}

// The value of the nearest code, e4m3_decode(e4m3_encode(x)), without a branch or a table, so that
// loops over it become vectors.
inline float e4m3_nearest(float x) {
  const auto bits = std::bit_cast<int32_t>(x);
  const int32_t magnitude = bits & 0x7fffffff;
  const int32_t odd = (magnitude >> 20) & 1;
  const auto rounded = static_cast<int32_t>(
      (static_cast<uint32_t>(magnitude) + 0x7ffffu + static_cast<uint32_t>(odd)) & 0xfff00000u);
  const float subnormal = (std::bit_cast<float>(magnitude) + 0x1p14f) - 0x1p14f;
  // Masks: a compiler may not add in advance what a condition might spare.
  const int32_t small = -static_cast<int32_t>(magnitude < std::bit_cast<int32_t>(0x1p-6f));
  const int32_t value = (std::bit_cast<int32_t>(subnormal) & small) | (rounded & ~small);
  const int32_t finite = std::min(value, std::bit_cast<int32_t>(kE4m3Max));
  constexpr int32_t kSign = std::numeric_limits<int32_t>::min();
  constexpr int32_t kNan = 0x7fc00000;
  const int32_t nan = -static_cast<int32_t>(magnitude > 0x7f800000);
  return std::bit_cast<float>(((finite | (bits & kSign)) & ~nan) | (kNan & nan));
}

}  // namespace hadal
