// Elementary functions whose bits are hadal's own: additions, multiplications, divisions and
// integer operations in a fixed order, so that results depend neither on the C library's version
// nor on the processor. Double precision inside. Owns what the scalar operators, the model and the
// sampler need, not the exponential of the vector kernels (src/ops/cpu/lane_kernels.inc). Rounding
// to nearest is assumed, as everywhere. NaN in, NaN out.
#pragma once

#include <span>

namespace hadal::elementary {

// e^x. Within 0.5001 units in the last place, subnormal results included. Infinity above the
// logarithm of the largest float (88.72), 0 below that of half the smallest subnormal (-103.97);
// exp(±0) = 1, exp(-inf) = 0.
float exp(float x);

// The same of every value, in place, to the bit. Two at a time, and without a call for each.
void exp(std::span<float> values);

// log(1 + x), within 0.5001 units in the last place. x itself for ±0 and subnormal x, -inf at -1,
// NaN below, inf at inf.
float log1p(float x);

// The natural logarithm in double, within 1 unit in the last place. -inf at ±0, NaN below, inf at
// inf; log(1) = +0.
double log(double x);

// base^exponent as e^(exponent log(base)) in double, for base > 0; within 0.5001 units in the last
// place, with overflow and underflow as in exp. NaN for a base below 0, and where exponent
// log(base) is infinity times 0.
float pow(float base, float exponent);

// Largest magnitude of an angle: that of every position an int32 can hold at frequency 1.
inline constexpr float kLargestAngle = 0x1p31F;

struct SineCosine {
  float sine;
  float cosine;
};

// Of an angle in radians, both within 0.5001 units in the last place; the sine of ±0 is ±0. Beyond
// kLargestAngle, where float angles lie hundreds apart, and at ±inf both are NaN, lest a senseless
// angle pass for a sound one.
SineCosine sine_cosine(float angle);

// a b + c rounded once: the bits of std::fma and of the processor's instruction for every input
// (which NaN results from one is left open).
float fused_multiply_add(float a, float b, float c);

// The nearest integer, ties to even, as a float. Exact for |x| <= 2^22; larger x come back within
// one unit in the last place. Small negative x give +0.
float round_to_integer(float x);

// The integers next to x, below and above; x itself where it is integral, infinite or NaN. A
// `floor` or `ceil` of <cmath> may be a call into the C library, as the optimiser pleases.
double floor(double x);
double ceil(double x);

// The largest float below x; x itself for -inf and NaN.
float next_below(float x);

}  // namespace hadal::elementary
