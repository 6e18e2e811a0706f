#include "numeric/elementary.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace hadal::elementary {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Added to |x| < 2^51 it leaves the integer nearest to x in the lowest bits, as a two's complement.
constexpr double kRounder = 0x1.8p52;

// log(2) in two parts. The first has 42 bits, so that its product with an exponent is exact.
constexpr double kLog2High = 0x1.62e42fefa38p-1;
constexpr double kLog2Low = 0x1.ef35793c7673p-45;

using Two = double __attribute__((vector_size(16)));
using TwoCodes = uint64_t __attribute__((vector_size(16)));

// e^x rounds to infinity above the one and to 0 below the other.
constexpr double kMostOfExp = 88.8;
constexpr double kLeastOfExp = -104.0;

// e^x of one double or of two, for x between these bounds. With x = k log(2) + r and
// |r| <= log(2)/2, e^r is its Taylor polynomial of degree 13, whose first omitted term is below
// 2^-57.
template <typename Value, typename Codes>
Value exp_within_bounds(Value x) {
  constexpr double kInverseLog2 = 0x1.71547652b82fep0;
  const Value shifted = x * kInverseLog2 + kRounder;
  const Value k = shifted - kRounder;
  const Value r = (x - k * kLog2High) - k * kLog2Low;
  const Value r2 = r * r;
  const Value r4 = r2 * r2;
  const Value low = (1.0 + r) + (1.0 / 2 + r * (1.0 / 6)) * r2;
  const Value middle = (1.0 / 24 + r * (1.0 / 120)) + (1.0 / 720 + r * (1.0 / 5040)) * r2;
  const Value high =
      ((1.0 / 40320 + r * (1.0 / 362880)) + (1.0 / 3628800 + r * (1.0 / 39916800)) * r2) +
      (1.0 / 479001600 + r * (1.0 / 6227020800)) * r4;
  const Value power = low + (middle + high * r4) * r4;
  // The bias of the exponent; that of kRounder's bits falls out at the left.
  const Codes scale = (std::bit_cast<Codes>(shifted) + 1023) << 52;
  return power * std::bit_cast<Value>(scale);
}

// e^x rounded to float. x may be infinite.
float exp_to_float(double x) {
  if (x > kMostOfExp) return std::numeric_limits<float>::infinity();
  if (x < kLeastOfExp) return 0;
  if (std::isnan(x)) return std::numeric_limits<float>::quiet_NaN();
  const double result = exp_within_bounds<double, uint64_t>(x);
  // Halfway between the largest float and 2^128 the even one of the two is infinity.
  constexpr double kOverflow = 0x1.ffffffp127;
  return result >= kOverflow ? std::numeric_limits<float>::infinity() : static_cast<float>(result);
}

// k log(2) + log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)). With s = f / (2 + f) the logarithm is
// 2 atanh(s) = 2s + s R, R = s² (2/3 + 2/5 s² + 2/7 s⁴ + …), whose first omitted term is below
// 2^-58. Written as f - (f²/2 - s (f²/2 + R)) it rounds the large part f not at all (so does
// FreeBSD's msun, e_log.c).
double scaled_log(double k, double f) {
  const double s = f / (2.0 + f);
  const double s2 = s * s;
  const double s4 = s2 * s2;
  const double odd = 2.0 / 3 + s4 * (2.0 / 7 + s4 * (2.0 / 11 + s4 * (2.0 / 15 + s4 * (2.0 / 19))));
  const double even =
      2.0 / 5 + s4 * (2.0 / 9 + s4 * (2.0 / 13 + s4 * (2.0 / 17 + s4 * (2.0 / 21))));
  const double rest = s2 * odd + s4 * even;
  const double half_square = 0.5 * f * f;
  return k * kLog2High - ((half_square - (s * (half_square + rest) + k * kLog2Low)) - f);
}

}  // namespace

float exp(float x) { return exp_to_float(static_cast<double>(x)); }

void exp(std::span<float> values) {
  // Far enough below the largest float that no result overflows; NaN is not within either.
  constexpr float kMostOfTwo = 88;
  const auto within = [](float x) {
    return x >= static_cast<float>(kLeastOfExp) && x <= kMostOfTwo;
  };
  size_t i = 0;
  for (; i + 2 <= values.size(); i += 2) {
    float& a = values[i];
    float& b = values[i + 1];
    if (within(a) && within(b)) {
      const Two x = {static_cast<double>(a), static_cast<double>(b)};
      const Two powers = exp_within_bounds<Two, TwoCodes>(x);
      a = static_cast<float>(powers[0]);
      b = static_cast<float>(powers[1]);
    } else {
      a = exp(a);
      b = exp(b);
    }
  }
  if (i < values.size()) values[i] = exp(values[i]);
}

float log1p(float x) {
  if (x == 0) return x;  // keeps the sign
  const auto wide = static_cast<double>(x);
  // Near 0 the addition of 1 would round; elsewhere it is exact, or vanishes beside x.
  if (wide > -0.29 && wide < 0.41) return static_cast<float>(scaled_log(0, wide));
  return static_cast<float>(log(1.0 + wide));
}

double log(double x) {
  constexpr double kSmallestNormal = std::numeric_limits<double>::min();
  if (!(x > 0)) return x == 0 ? -kInfinity : kNan;
  if (x == kInfinity) return x;
  double exponent = 0;
  if (x < kSmallestNormal) {
    x *= 0x1p54;
    exponent = -54;
  }
  // Counted from sqrt(1/2), the exponent field is k where x = 2^k (1 + f).
  constexpr int64_t kRootOfHalf = 0x3fe6a09e667f3bcd;
  const auto bits = std::bit_cast<int64_t>(x);
  const int64_t k = (bits - kRootOfHalf) >> 52;
  const auto mantissa = std::bit_cast<double>(bits - k * (int64_t{1} << 52));
  return scaled_log(exponent + static_cast<double>(k), mantissa - 1.0);
}

float pow(float base, float exponent) {
  return exp_to_float(static_cast<double>(exponent) * log(static_cast<double>(base)));
}

// angle = n π/2 + r with |r| <= π/4, π/2 in three positive parts (Cody and Waite). The first two
// have at most 22 bits, so that their products with n < 2^31 are exact, and so are the differences;
// all that is lost is about 2^-64, and no float of this range lies closer than 2^-28 to a multiple
// of π/2. The polynomials are Taylor's, the first omitted terms below 2^-53.
SineCosine sine_cosine(float angle) {
  constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
  constexpr double kHalfPiHigh = 0x1.921fbp0;
  constexpr double kHalfPiMiddle = 0x1.5110bp-22;
  constexpr double kHalfPiLow = 0x1.18469898cc517p-44;
  if (!(std::abs(angle) <= kLargestAngle)) {
    constexpr float kFloatNan = std::numeric_limits<float>::quiet_NaN();
    return {.sine = kFloatNan, .cosine = kFloatNan};
  }
  const auto x = static_cast<double>(angle);
  const double shifted = x * kTwoOverPi + kRounder;
  const double n = shifted - kRounder;
  const double r = ((x - n * kHalfPiHigh) - n * kHalfPiMiddle) - n * kHalfPiLow;
  const double r2 = r * r;
  const double r4 = r2 * r2;
  const double r8 = r4 * r4;
  const double sine =
      r * (1.0 +
           r2 * (((-1.0 / 6 + r2 * (1.0 / 120)) + (-1.0 / 5040 + r2 * (1.0 / 362880)) * r4) +
                 ((-1.0 / 39916800 + r2 * (1.0 / 6227020800)) + (-1.0 / 1307674368000) * r4) * r8));
  const double cosine =
      1.0 + r2 * (((-1.0 / 2 + r2 * (1.0 / 24)) + (-1.0 / 720 + r2 * (1.0 / 40320)) * r4) +
                  ((-1.0 / 3628800 + r2 * (1.0 / 479001600)) +
                   (-1.0 / 87178291200 + r2 * (1.0 / 20922789888000)) * r4) *
                      r8);
  const uint64_t quarter = std::bit_cast<uint64_t>(shifted);
  const bool swapped = (quarter & 1) != 0;
  const auto turned = [](double value, uint64_t negative) {
    const auto narrow = static_cast<float>(value);
    return negative != 0 ? -narrow : narrow;
  };
  return {.sine = turned(swapped ? cosine : sine, quarter & 2),
          .cosine = turned(swapped ? sine : cosine, (quarter + 1) & 2)};
}

float fused_multiply_add(float a, float b, float c) {
  const double product = static_cast<double>(a) * static_cast<double>(b);  // exact: 48 bits
  const auto addend = static_cast<double>(c);
  double sum = product + addend;
  if (!(std::abs(sum) < kInfinity)) return static_cast<float>(sum);
  // What the sum lost (Knuth's two-sum). A sum that lost something becomes the odd one of the
  // two doubles around the true sum: it then lies on the true sum's side of every tie between
  // floats, and the second rounding cannot go wrong.
  const double part = sum - product;
  const double lost = (product - (sum - part)) + (addend - part);
  const auto bits = std::bit_cast<uint64_t>(sum);
  if (lost != 0 && (bits & 1) == 0) {
    sum = std::bit_cast<double>((lost > 0) == (sum > 0) ? bits + 1 : bits - 1);
  }
  return static_cast<float>(sum);
}

float round_to_integer(float x) {
  constexpr float kFloatRounder = 0x1.8p23F;
  return (x + kFloatRounder) - kFloatRounder;
}

double floor(double x) {
  if (!(std::abs(x) < 0x1p52)) return x;
  const auto whole = static_cast<double>(static_cast<int64_t>(x));  // towards zero
  if (whole == x) return x;
  return whole > x ? whole - 1 : whole;
}

double ceil(double x) { return -floor(-x); }

float next_below(float x) {
  if (!(x > -std::numeric_limits<float>::infinity())) return x;
  if (x == 0) return -std::numeric_limits<float>::denorm_min();
  const auto bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>(x > 0 ? bits - 1 : bits + 1);
}

}  // namespace hadal::elementary
