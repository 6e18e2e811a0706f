#include "number_formats.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace hadal::independent {
namespace {

// A float with `mantissa_bits` stored bits, least normal exponent `min_exponent` and largest value
// `max`: what a block rounding rounds to.
struct SmallFloat {
  int mantissa_bits;
  int min_exponent;
  double max;
};

constexpr SmallFloat kE4m3{.mantissa_bits = 3, .min_exponent = -6, .max = 448};
constexpr SmallFloat kE2m1{.mantissa_bits = 1, .min_exponent = 0, .max = 6};

// Nearest value of the format, ties to the even mantissa. |value| <= format.max.
double round_to(const SmallFloat& format, double value) {
  if (value == 0) return 0;
  const int exponent = std::max(std::ilogb(value), format.min_exponent);
  const double step = std::ldexp(1.0, exponent - format.mantissa_bits);
  return std::nearbyint(value / step) * step;
}

// The least power of two not below magnitude / max, with the quotient as float32 forms it by
// multiplication with the reciprocal.
double block_scale(double magnitude, double max) {
  const float reciprocal = static_cast<float>(1.0 / max);
  const float quotient = static_cast<float>(magnitude) * reciprocal;
  const int exponent = std::ilogb(quotient);
  const double scale = std::ldexp(1.0, exponent);
  return scale < static_cast<double>(quotient) ? 2 * scale : scale;
}

void round_blocks(const SmallFloat& format, double magnitude_floor, std::span<double> values,
                  size_t group) {
  for (size_t begin = 0; begin < values.size(); begin += group) {
    const std::span<double> block = values.subspan(begin, group);
    double magnitude = magnitude_floor;
    for (const double value : block) magnitude = std::max(magnitude, std::abs(value));
    const double scale = block_scale(magnitude, format.max);
    for (double& value : block) {
      value = round_to(format, std::clamp(value / scale, -format.max, format.max)) * scale;
    }
  }
}

}  // namespace

double decode_bf16(uint16_t bits) {
  return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits) << 16));
}

double decode_e4m3(uint8_t code) {
  const double sign = (code & 0x80) != 0 ? -1 : 1;
  const int exponent = (code >> 3) & 0xf;
  const int mantissa = code & 7;
  if (exponent == 15 && mantissa == 7) return std::numeric_limits<double>::quiet_NaN();
  if (exponent == 0) return sign * std::ldexp(mantissa, -9);
  return sign * std::ldexp(8 + mantissa, exponent - 10);
}

double decode_e8m0(uint8_t code) {
  if (code == 0xff) return std::numeric_limits<double>::quiet_NaN();
  return std::ldexp(1.0, static_cast<int>(code) - 127);
}

double decode_e2m1(uint8_t code) {
  constexpr double kMagnitudes[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  const double magnitude = kMagnitudes[code & 7];
  return (code & 8) != 0 ? -magnitude : magnitude;
}

double round_to_bf16(double value) {
  constexpr SmallFloat kBf16{.mantissa_bits = 7, .min_exponent = -126, .max = 3.38953e38};
  return round_to(kBf16, value);
}

void round_to_e4m3(std::span<double> values, size_t group) {
  round_blocks(kE4m3, 1e-4, values, group);
}

void round_to_e2m1(std::span<double> values, size_t group) {
  round_blocks(kE2m1, std::ldexp(6.0, -126), values, group);
}

}  // namespace hadal::independent
