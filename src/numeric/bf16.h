// bfloat16: the upper 16 bits of a float.
#pragma once

#include <bit>
#include <cstdint>

namespace hadal {

// The value of a code; exact, NaN payloads included.
inline float bf16_decode(uint16_t code) { return std::bit_cast<float>(uint32_t{code} << 16); }

// The nearest code, ties to the even one. Values that round beyond the largest finite code become
// infinity; NaN stays NaN and is made quiet.
inline uint16_t bf16_encode(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return static_cast<uint16_t>((bits >> 16) | 0x40u);
  }
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

}  // namespace hadal
