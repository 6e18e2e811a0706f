#include <algorithm>
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

#include "numeric/bf16.h"
#include "numeric/e2m1.h"
#include "numeric/e4m3.h"
#include "numeric/e8m0.h"
#include "support/floats.h"

namespace hadal {
namespace {

using test::bits;
using test::kInfinity;
using test::kNan;

// Magnitudes of a small format from its definition, in ascending order of the code.
std::vector<double> magnitudes(int exponent_bits, int mantissa_bits, int bias, int codes) {
  std::vector<double> values;
  for (int code = 0; code < codes; ++code) {
    const int exponent = (code >> mantissa_bits) & ((1 << exponent_bits) - 1);
    const double fraction =
        static_cast<double>(code & ((1 << mantissa_bits) - 1)) / (1 << mantissa_bits);
    values.push_back(exponent == 0 ? std::ldexp(fraction, 1 - bias)
                                   : std::ldexp(1 + fraction, exponent - bias));
  }
  return values;
}

// The code nearest to |x| by search, the even one of two equally near; the largest when |x| is
// beyond it.
int nearest(const std::vector<double>& values, double x) {
  const double target = std::min(std::fabs(x), values.back());
  int best = 0;
  for (int code = 1; code < static_cast<int>(values.size()); ++code) {
    const double distance = std::fabs(values[static_cast<size_t>(code)] - target);
    const double best_distance = std::fabs(values[static_cast<size_t>(best)] - target);
    if (distance < best_distance || (distance == best_distance && code % 2 == 0)) {
      best = code;
    }
  }
  return best;
}

// Every float that bf16 can hold, and every midpoint of two neighbours of `values` with the floats
// beside it: the inputs at which a rounding rule can show.
std::vector<float> rounding_inputs(const std::vector<double>& values) {
  std::vector<float> inputs;
  for (uint32_t code = 0; code < 0x10000; ++code) {
    const float x = bf16_decode(static_cast<uint16_t>(code));
    if (!std::isnan(x)) {
      inputs.push_back(x);
    }
  }
  for (size_t code = 0; code + 1 < values.size(); ++code) {
    const float middle = static_cast<float>((values[code] + values[code + 1]) / 2);
    for (const float x :
         {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, kInfinity)}) {
      inputs.push_back(x);
      inputs.push_back(-x);
    }
  }
  return inputs;
}

TEST(E4m3, DecodesEveryCode) {
  const std::vector<double> values = magnitudes(4, 3, 7, 127);
  EXPECT_EQ(values.back(), 448);
  for (int code = 0; code < 127; ++code) {
    const float expected = static_cast<float>(values[static_cast<size_t>(code)]);
    EXPECT_EQ(bits(e4m3_decode(static_cast<uint8_t>(code))), bits(expected)) << code;
    EXPECT_EQ(bits(e4m3_decode(static_cast<uint8_t>(code | 0x80))), bits(-expected)) << code;
  }
  EXPECT_TRUE(std::isnan(e4m3_decode(0x7f)));
  EXPECT_TRUE(std::isnan(e4m3_decode(0xff)));
}

TEST(E4m3, EveryNumberEncodesToItself) {
  for (int code = 0; code < 256; ++code) {
    const float x = e4m3_decode(static_cast<uint8_t>(code));
    EXPECT_EQ(e4m3_encode(x), std::isnan(x) ? 0x7f : code);
  }
}

TEST(E4m3, EncodesToTheNearestTiesToEven) {
  const std::vector<double> values = magnitudes(4, 3, 7, 127);
  for (const float x : rounding_inputs(values)) {
    const int expected = nearest(values, x) | (std::signbit(x) ? 0x80 : 0);
    ASSERT_EQ(e4m3_encode(x), expected) << x;
  }
}

TEST(E4m3, SaturatesAndKeepsNan) {
  EXPECT_EQ(e4m3_encode(448.0f), 0x7e);
  EXPECT_EQ(e4m3_encode(464.0f), 0x7e);
  EXPECT_EQ(e4m3_encode(std::numeric_limits<float>::max()), 0x7e);
  EXPECT_EQ(e4m3_encode(kInfinity), 0x7e);
  EXPECT_EQ(e4m3_encode(-kInfinity), 0xfe);
  EXPECT_EQ(e4m3_encode(kNan), 0x7f);
  EXPECT_EQ(e4m3_encode(-kNan), 0x7f);
  EXPECT_EQ(e4m3_encode(-0.0f), 0x80);
}

TEST(E2m1, DecodesEveryCode) {
  const std::vector<double> values = magnitudes(2, 1, 1, 8);
  EXPECT_EQ(values, (std::vector<double>{0, 0.5, 1, 1.5, 2, 3, 4, 6}));
  for (int code = 0; code < 8; ++code) {
    const float expected = static_cast<float>(values[static_cast<size_t>(code)]);
    EXPECT_EQ(bits(e2m1_decode(code)), bits(expected));
    EXPECT_EQ(bits(e2m1_decode(code | 8)), bits(-expected));
    EXPECT_EQ(bits(e2m1_decode(code | 0x30)), bits(expected)) << "only the low 4 bits count";
  }
}

TEST(E2m1, EveryCodeEncodesToItself) {
  for (int code = 0; code < 16; ++code) {
    EXPECT_EQ(e2m1_encode(e2m1_decode(code)), code);
  }
}

TEST(E2m1, EncodesToTheNearestTiesToEven) {
  const std::vector<double> values = magnitudes(2, 1, 1, 8);
  for (const float x : rounding_inputs(values)) {
    const int expected = nearest(values, x) | (std::signbit(x) ? 8 : 0);
    ASSERT_EQ(e2m1_encode(x), expected) << x;
  }
}

TEST(E2m1, SaturatesAndHasNoNan) {
  EXPECT_EQ(e2m1_encode(6.5f), 7);
  EXPECT_EQ(e2m1_encode(kInfinity), 7);
  EXPECT_EQ(e2m1_encode(-kInfinity), 15);
  EXPECT_EQ(e2m1_encode(kNan), 7);
  EXPECT_EQ(e2m1_encode(-kNan), 7);
}

// Every sixteenth float, which has every exponent and all ties, and those beside them.
TEST(NearestValue, IsThatOfTheEncodedCode) {
  for (uint64_t pattern = 0; pattern <= 0xffffffffu; pattern += 0x1000) {
    for (const uint32_t beside : {0u, 1u, 0xfffu}) {
      const auto x = std::bit_cast<float>(static_cast<uint32_t>(pattern) + beside);
      ASSERT_EQ(bits(e4m3_nearest(x)), bits(e4m3_decode(e4m3_encode(x)))) << x;
      ASSERT_EQ(bits(e2m1_nearest(x)), bits(e2m1_decode(e2m1_encode(x)))) << x;
    }
  }
}

TEST(E8m0, DecodesEveryCodeAndEncodesItBack) {
  for (int code = 0; code < 255; ++code) {
    const float x = e8m0_decode(static_cast<uint8_t>(code));
    EXPECT_EQ(static_cast<double>(x), std::ldexp(1.0, code - 127));
    EXPECT_EQ(e8m0_encode_ceil(x), code);
  }
  EXPECT_TRUE(std::isnan(e8m0_decode(kE8m0NaN)));
  EXPECT_EQ(e8m0_encode_ceil(kNan), kE8m0NaN);
  EXPECT_EQ(e8m0_encode_ceil(-kNan), kE8m0NaN);
}

TEST(E8m0, EncodesToThePowerOfTwoAbove) {
  for (int code = 0; code < 254; ++code) {
    const float power = e8m0_decode(static_cast<uint8_t>(code));
    const float next = e8m0_decode(static_cast<uint8_t>(code + 1));
    EXPECT_EQ(e8m0_encode_ceil(std::nextafter(power, kInfinity)), code + 1);
    EXPECT_EQ(e8m0_encode_ceil(std::nextafter(next, 0.0f)), code + 1);
  }
  EXPECT_EQ(e8m0_encode_ceil(0.0f), 0);
  EXPECT_EQ(e8m0_encode_ceil(-1.0f), 0);
  EXPECT_EQ(e8m0_encode_ceil(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(e8m0_encode_ceil(std::numeric_limits<float>::max()), 254);
  EXPECT_EQ(e8m0_encode_ceil(kInfinity), 254);
}

TEST(Bf16, EveryCodeEncodesToItself) {
  for (uint32_t code = 0; code < 0x10000; ++code) {
    const float x = bf16_decode(static_cast<uint16_t>(code));
    const uint32_t expected = std::isnan(x) ? code | 0x40u : code;
    ASSERT_EQ(bf16_encode(x), expected);
  }
}

TEST(Bf16, MidpointsOfNeighboursGoToTheEvenCode) {
  for (uint32_t code = 0; code < 0x7f80; ++code) {
    const float middle = std::bit_cast<float>((code << 16) | 0x8000u);
    const uint32_t even = code % 2 == 0 ? code : code + 1;
    ASSERT_EQ(bf16_encode(middle), even);
    ASSERT_EQ(bf16_encode(-middle), even | 0x8000u);
    ASSERT_EQ(bf16_encode(std::nextafter(middle, 0.0f)), code);
    ASSERT_EQ(bf16_encode(std::bit_cast<float>(bits(middle) + 1)), code + 1);
  }
  EXPECT_EQ(bf16_encode(std::numeric_limits<float>::max()), 0x7f80);
}

}  // namespace
}  // namespace hadal
