#include "numeric/block_scale.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

#include "base/check.h"
#include "numeric/bf16.h"
#include "numeric/e2m1.h"
#include "numeric/e4m3.h"
#include "numeric/e8m0.h"
#include "support/floats.h"

namespace hadal {
namespace {

using test::kInfinity;
using test::kNan;

// The exponent of a group's scale by the definition, in long double: the smallest k with
// 2^k >= a / limit, but by the float32 product that the definition names.
int scale_exponent(const std::vector<float>& x, float floor, float limit) {
  float a = floor;
  for (const float value : x) {
    a = std::max(a, std::fabs(value));
  }
  const float reciprocal = 1.0f / limit;
  const volatile float product = a * reciprocal;
  int k = -140;
  while (std::ldexp(1.0L, k) < static_cast<long double>(product)) {
    ++k;
  }
  return k;
}

// x rounded to the nearest of +-magnitudes, ties to the even code, by search.
long double nearest_magnitude(const std::vector<float>& magnitudes, long double x) {
  size_t best = 0;
  for (size_t i = 1; i < magnitudes.size(); ++i) {
    const long double distance = std::fabs(magnitudes[i] - std::fabs(x));
    const long double best_distance = std::fabs(magnitudes[best] - std::fabs(x));
    if (distance < best_distance || (distance == best_distance && i % 2 == 0)) {
      best = i;
    }
  }
  return std::copysign(static_cast<long double>(magnitudes[best]), x);
}

std::vector<float> e4m3_magnitudes() {
  std::vector<float> values;
  for (int code = 0; code < 127; ++code) {
    values.push_back(e4m3_decode(static_cast<uint8_t>(code)));
  }
  return values;
}

std::vector<float> e2m1_magnitudes() { return {0, 0.5, 1, 1.5, 2, 3, 4, 6}; }

std::vector<float> reference(const std::vector<float>& x, const std::vector<float>& magnitudes,
                             int exponent) {
  std::vector<float> out;
  for (const float value : x) {
    const long double scaled = std::ldexp(static_cast<long double>(value), -exponent);
    out.push_back(static_cast<float>(std::ldexp(nearest_magnitude(magnitudes, scaled), exponent)));
  }
  return out;
}

void expect_both_rounded(const std::vector<float>& x) {
  const int n = static_cast<int>(x.size());
  std::vector<float> out(x.size());

  const int q8_exponent = scale_exponent(x, 1e-4f, 448);
  q8_round(x.data(), out.data(), n, n);
  EXPECT_EQ(out, reference(x, e4m3_magnitudes(), q8_exponent));
  std::vector<uint8_t> codes(x.size());
  EXPECT_EQ(q8_encode_group(x.data(), codes.data(), n), q8_exponent + 127);
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(e8m0_decode(static_cast<uint8_t>(q8_exponent + 127)) * e4m3_decode(codes[i]), out[i]);
  }

  const int q4_exponent = scale_exponent(x, 6 * 0x1p-126f, 6);
  q4_round(x.data(), out.data(), n, n);
  EXPECT_EQ(out, reference(x, e2m1_magnitudes(), q4_exponent));
  std::vector<uint8_t> packed((x.size() + 1) / 2);
  EXPECT_EQ(q4_encode_group(x.data(), packed.data(), n), q4_exponent + 127);
  for (size_t i = 0; i < x.size(); ++i) {
    const int code = packed[i / 2] >> (i % 2 * 4);
    EXPECT_EQ(e8m0_decode(static_cast<uint8_t>(q4_exponent + 127)) * e2m1_decode(code), out[i]);
  }
}

TEST(BlockScale, AgreesWithTheDefinitionAtEveryMagnitude) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (int exponent = -148; exponent < 120; ++exponent) {
    std::vector<float> x(32);
    for (float& value : x) {
      value = std::ldexp(uniform(random), exponent);
    }
    SCOPED_TRACE(exponent);
    expect_both_rounded(x);
  }
}

// The scale steps where the largest magnitude passes 448 or 6 times a power of two.
TEST(BlockScale, StepsWhereTheLargestValueFillsTheFormat) {
  for (int exponent = -120; exponent < 110; ++exponent) {
    for (const float multiple : {1.0f, 448.0f, 6.0f}) {
      const float edge = std::ldexp(multiple, exponent);
      for (const float largest :
           {edge, std::nextafter(edge, 0.0f), std::nextafter(edge, kInfinity)}) {
        SCOPED_TRACE(largest);
        expect_both_rounded({largest, -largest / 3, largest / 1000, 0.0f, -0.0f});
      }
    }
  }
}

TEST(BlockScale, HasAFloorForZerosAndSubnormals) {
  expect_both_rounded({0.0f, -0.0f, 0.0f});
  expect_both_rounded({std::numeric_limits<float>::denorm_min(), 0x1p-127f, -0x1p-130f});
  expect_both_rounded({1e-4f, -1e-5f});
  const std::vector<float> zeros(4, 0.0f);
  std::vector<uint8_t> codes(4);
  EXPECT_EQ(q8_encode_group(zeros.data(), codes.data(), 4), 127 - 22);
  EXPECT_EQ(q4_encode_group(zeros.data(), codes.data(), 4), 127 - 126);
}

// a * fl(1/448) must give the same exponent as a / 448 for every bf16 magnitude.
TEST(BlockScale, TheReciprocalGivesTheExponentOfTheQuotientForBf16) {
  for (uint32_t code = 0; code < 0x7f80; ++code) {
    const float a = bf16_decode(static_cast<uint16_t>(code));
    uint8_t encoded = 0;
    const int exponent = q8_encode_group(&a, &encoded, 1) - 127;
    const long double quotient = std::max(static_cast<long double>(a), 1e-4L) / 448;
    ASSERT_GE(std::ldexp(1.0L, exponent), quotient) << a;
    ASSERT_LT(std::ldexp(0.5L, exponent), quotient) << a;
  }
}

TEST(BlockScale, RoundsGroupsSeparatelyInPlaceAndAShortLastOne) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  std::vector<float> x(128 * 2 + 37);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = std::ldexp(normal(random), static_cast<int>(i / 128) * 9);
  }
  std::vector<float> expected(x.size());
  q8_round(x.data(), expected.data(), 128, 128);
  q8_round(x.data() + 128, expected.data() + 128, 128, 128);
  q8_round(x.data() + 256, expected.data() + 256, 37, 128);
  q8_round(x.data(), x.data(), static_cast<int>(x.size()), 128);
  EXPECT_EQ(x, expected);

  std::vector<float> y = {1, 2, 3, 100, 200, 300, 7};
  q4_round(y.data(), y.data(), 7, 3);
  EXPECT_EQ(y, (std::vector<float>{1, 2, 3, 96, 192, 256, 8}));
}

TEST(BlockScale, PacksTheFirstOfAPairIntoTheLowNibble) {
  const std::vector<float> x = {0.5f, -6.0f, 4.0f};
  std::vector<uint8_t> packed(2);
  EXPECT_EQ(q4_encode_group(x.data(), packed.data(), 3), 127);
  EXPECT_EQ(packed[0], 0xf1);
  EXPECT_EQ(packed[1], 0x06);
}

TEST(BlockScale, NanTouchesNothingElse) {
  const std::vector<float> x = {kNan, 448.0f, -1.0f};
  std::vector<float> out(3);
  q8_round(x.data(), out.data(), 3, 3);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], 448.0f);
  EXPECT_EQ(out[2], -1.0f);
  const std::vector<float> y = {kNan, 6.0f, -1.0f};
  q4_round(y.data(), out.data(), 3, 3);
  EXPECT_EQ(out, (std::vector<float>{6.0f, 6.0f, -1.0f}));
}

TEST(BlockScale, InfinityCountsAsTheLargestFiniteValue) {
  const std::vector<float> x = {kInfinity, -kInfinity, 0x1p119f, 0.0f};
  std::vector<float> out(4);
  q8_round(x.data(), out.data(), 4, 4);
  EXPECT_EQ(out, (std::vector<float>{kInfinity, -kInfinity, 0x1p119f, 0.0f}));
  const std::vector<float> y = {kInfinity, -kInfinity, 0x1p126f, 0.0f};
  q4_round(y.data(), out.data(), 4, 4);
  EXPECT_EQ(out, (std::vector<float>{kInfinity, -kInfinity, 0x1p126f, 0.0f}));
}

TEST(BlockScale, RefusesAGroupOfNothing) {
  float x = 1;
  EXPECT_THROW(q8_round(&x, &x, 1, 0), InvariantError);
  EXPECT_THROW(q4_round(&x, &x, -1, 32), InvariantError);
}

}  // namespace
}  // namespace hadal
