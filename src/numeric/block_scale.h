// Block scales: a group of values shares one power-of-two scale (e8m0) and each value is held as
// e4m3 (Q8) or e2m1 (Q4). Float32 throughout; whoever keeps the result in bf16 rounds it himself.
//
// The scale of a group, in float32, with a = max|x| of the group:
//   Q8: s = 2^ceil(log2(max(a, 1e-4) * fl(1/448)))        range 2^-22 .. 2^120
//   Q4: s = 2^ceil(log2(max(a, 6 * 2^-126) * fl(1/6)))    range 2^-126 .. 2^126
// and a value becomes s * round(x / s), saturating at 448 s or 6 s. Dividing by such s is exact but
// for quotients so small that they round to zero anyway.
//
// NaN takes no part in a; it stays NaN in Q8 and becomes +6 s in Q4, which has no NaN. Infinity
// counts as the largest finite float in a and saturates. At that scale the largest codes exceed
// float32, so infinity, and finite values that round to 2^128, decode to infinity.
#pragma once

#include <cstdint>

namespace hadal {

// Rounds x[n] to the Q8 grid by groups of `group` consecutive values, the last of which may be
// shorter, and writes out[n]. `out` may be `x`. Equals decoding what q8_encode_group gives.
void q8_round(const float* x, float* out, int n, int group);

// The same on the Q4 grid.
void q4_round(const float* x, float* out, int n, int group);

// Encodes one group x[n] into codes[n] (e4m3) and returns its scale (e8m0 code).
uint8_t q8_encode_group(const float* x, uint8_t* codes, int n);

// Encodes one group x[n] into packed[(n + 1) / 2] (e2m1, the first of a pair in the low nibble, a
// missing last one 0) and returns its scale (e8m0 code).
uint8_t q4_encode_group(const float* x, uint8_t* packed, int n);

}  // namespace hadal
