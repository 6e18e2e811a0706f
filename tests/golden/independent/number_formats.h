// The number formats of a released checkpoint, in float64 and by arithmetic alone: decoding of
// stored weights and the two block roundings of activations. Written from the formats' definitions
// for the independent reference; shares nothing with src/numeric.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hadal::independent {

double decode_bf16(uint16_t bits);
double decode_e4m3(uint8_t code);  // sign, 4 exponent bits (bias 7), 3 mantissa bits; 0x7f is NaN
double decode_e8m0(uint8_t code);  // 2^(code - 127)
double decode_e2m1(uint8_t code);  // the low 4 bits: sign and 0, .5, 1, 1.5, 2, 3, 4, 6

double round_to_bf16(double value);  // nearest, ties to even; for normal values

// Replaces each group of `group` values by e4m3 multiples of a power of two: the least with which
// the group's largest magnitude (at least 1e-4) stays within 448. values.size() % group == 0.
void round_to_e4m3(std::span<double> values, size_t group);
// The same with e2m1 and 6; the magnitude is floored at 6 * 2^-126.
void round_to_e2m1(std::span<double> values, size_t group);

}  // namespace hadal::independent
