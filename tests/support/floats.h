// The floats that tests of numbers ask about besides ordinary ones, and the bits of a float.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace hadal::test {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

inline uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }

}  // namespace hadal::test
