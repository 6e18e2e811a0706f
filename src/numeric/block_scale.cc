#include "numeric/block_scale.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "base/check.h"
#include "base/independent_iterations.h"
#include "numeric/e2m1.h"
#include "numeric/e4m3.h"
#include "numeric/e8m0.h"

namespace hadal {
namespace {

constexpr float kQ8Floor = 1e-4f;
constexpr float kQ4Floor = 6 * 0x1p-126f;

struct GroupScale {
  uint8_t code = kE8m0One;
  float value = 1;
  float inverse = 1;  // exact: the scale is a power of two from 2^-126 to 2^126
};

// The largest finite magnitude, at least `floor`; NaN counts for nothing. The bits of numbers that
// are not negative are in the order of the numbers, and integers may be compared in any order.
float group_magnitude(const float* x, int n, float floor) {
  constexpr int32_t kInfinity = 0x7f800000;
  auto magnitude = std::bit_cast<int32_t>(floor);
  for (int i = 0; i < n; ++i) {
    const int32_t bits = std::bit_cast<int32_t>(x[i]) & 0x7fffffff;
    magnitude = std::max(magnitude, bits > kInfinity ? 0 : bits);
  }
  return std::min(std::bit_cast<float>(magnitude), std::numeric_limits<float>::max());
}

GroupScale group_scale(float magnitude, float reciprocal_of_max) {
  GroupScale scale;
  scale.code = e8m0_encode_ceil(magnitude * reciprocal_of_max);
  scale.value = e8m0_decode(scale.code);
  scale.inverse = e8m0_decode(static_cast<uint8_t>(2 * kE8m0One - scale.code));
  return scale;
}

GroupScale q8_scale(const float* x, int n) {
  return group_scale(group_magnitude(x, n, kQ8Floor), 1.0f / kE4m3Max);
}

GroupScale q4_scale(const float* x, int n) {
  return group_scale(group_magnitude(x, n, kQ4Floor), 1.0f / kE2m1Max);
}

}  // namespace

void q8_round(const float* x, float* out, int n, int group) {
  HADAL_CHECK(n >= 0 && group > 0);
  for (int begin = 0; begin < n; begin += group) {
    const int count = std::min(group, n - begin);
    const GroupScale scale = q8_scale(x + begin, count);
    HADAL_INDEPENDENT_ITERATIONS
    for (int i = begin; i < begin + count; ++i) {
      out[i] = scale.value * e4m3_nearest(x[i] * scale.inverse);
    }
  }
}

void q4_round(const float* x, float* out, int n, int group) {
  HADAL_CHECK(n >= 0 && group > 0);
  for (int begin = 0; begin < n; begin += group) {
    const int count = std::min(group, n - begin);
    const GroupScale scale = q4_scale(x + begin, count);
    HADAL_INDEPENDENT_ITERATIONS
    for (int i = begin; i < begin + count; ++i) {
      out[i] = scale.value * e2m1_nearest(x[i] * scale.inverse);
    }
  }
}

uint8_t q8_encode_group(const float* x, uint8_t* codes, int n) {
  const GroupScale scale = q8_scale(x, n);
  for (int i = 0; i < n; ++i) {
    codes[i] = e4m3_encode(x[i] * scale.inverse);
  }
  return scale.code;
}

uint8_t q4_encode_group(const float* x, uint8_t* packed, int n) {
  const GroupScale scale = q4_scale(x, n);
  for (int i = 0; i < n; i += 2) {
    const uint8_t low = e2m1_encode(x[i] * scale.inverse);
    const uint8_t high = i + 1 < n ? e2m1_encode(x[i + 1] * scale.inverse) : uint8_t{0};
    packed[i / 2] = static_cast<uint8_t>(low | (high << 4));
  }
  return scale.code;
}

}  // namespace hadal
