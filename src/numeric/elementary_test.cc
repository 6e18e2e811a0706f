// The functions against the C library's in long double (11 bits more than double on x86) over dense
// samples of floats, and against fixed digests of their own results.
#include "numeric/elementary.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

#include "support/floats.h"

namespace hadal {
namespace {

static_assert(std::numeric_limits<long double>::digits >= 64,
              "the reference needs more than double");

using test::bits;
using test::kInfinity;
using test::kNan;
constexpr float kMax = std::numeric_limits<float>::max();
constexpr float kSubnormal = std::numeric_limits<float>::denorm_min();
constexpr double kWideInfinity = std::numeric_limits<double>::infinity();

float from_bits(uint32_t code) { return std::bit_cast<float>(code); }

// |actual - expected| in units in the last place of a format of `digits` bits whose smallest
// subnormal number is 2^least.
double units_off(long double actual, long double expected, int digits, int least) {
  int exponent = 0;
  std::frexp(expected, &exponent);
  const long double unit = std::ldexp(1.0L, std::max(exponent - digits, least));
  return static_cast<double>(std::abs(actual - expected) / unit);
}

double float_units_off(float actual, long double expected) {
  return units_off(static_cast<long double>(actual), expected, 24, -149);
}

// Calls f on every `step`-th float from `from` to `to`, both of one sign, from zero outwards.
template <typename F>
void every(float from, float to, uint32_t step, F&& f) {
  for (uint64_t code = bits(from); code <= bits(to); code += step) {
    f(from_bits(static_cast<uint32_t>(code)));
  }
}

// FNV-1a over the bits of results.
class Digest {
 public:
  void add(float x) { add(uint64_t{bits(x)}); }
  void add(double x) { add(std::bit_cast<uint64_t>(x)); }
  uint64_t value() const { return value_; }

 private:
  void add(uint64_t code) { value_ = (value_ ^ code) * 0x100000001b3ULL; }
  uint64_t value_ = 0xcbf29ce484222325ULL;
};

// xorshift64*.
class Random {
 public:
  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1dULL;
  }

 private:
  uint64_t state_ = 88172645463325252ULL;
};

TEST(ElementaryExp, IsRoundedCorrectlyInNearlyAllCases) {
  double worst = 0;
  const auto check = [&](float x) {
    worst =
        std::max(worst, float_units_off(elementary::exp(x), std::exp(static_cast<long double>(x))));
  };
  every(0, 88.722831F, 1499, check);
  every(-0.0F, -103.9F, 1499, check);
  EXPECT_LE(worst, 0.5001);
}

TEST(ElementaryExp, TreatsTheEndsOfItsRange) {
  EXPECT_EQ(elementary::exp(0.0F), 1.0F);
  EXPECT_EQ(elementary::exp(-0.0F), 1.0F);
  EXPECT_EQ(elementary::exp(kSubnormal), 1.0F);
  EXPECT_EQ(elementary::exp(kInfinity), kInfinity);
  EXPECT_EQ(elementary::exp(-kInfinity), 0.0F);
  EXPECT_FALSE(std::signbit(elementary::exp(-kInfinity)));
  EXPECT_TRUE(std::isnan(elementary::exp(kNan)));
  const float most = from_bits(0x42b17217);  // 88.722832
  EXPECT_LT(elementary::exp(most), kInfinity);
  EXPECT_EQ(elementary::exp(from_bits(bits(most) + 1)), kInfinity);
  EXPECT_EQ(elementary::exp(88.79F), kInfinity);
  EXPECT_EQ(elementary::exp(88.81F), kInfinity);
  EXPECT_EQ(elementary::exp(kMax), kInfinity);
  EXPECT_EQ(elementary::exp(-87.5F), 0x1.b2cafp-127F) << "a subnormal result";
  const float least = from_bits(0xc2cff1b4);  // -103.972076, e^x just above half of 2^-149
  EXPECT_EQ(elementary::exp(least), kSubnormal);
  EXPECT_EQ(elementary::exp(from_bits(bits(least) + 1)), 0.0F);
  EXPECT_EQ(elementary::exp(-104.5F), 0.0F);
  EXPECT_EQ(elementary::exp(-kMax), 0.0F);
}

TEST(ElementaryExp, HasTheSameBitsForManyValues) {
  std::vector<float> values;
  every(0, kInfinity, 65521, [&](float x) {
    values.push_back(x);
    values.push_back(-x);
  });
  every(0, 104.5F, 7919, [&](float x) {
    values.push_back(-x);
    values.push_back(x);
  });
  // Beside values of the other kind: in the first place, in the second, and left over at the end.
  for (const float end : {kInfinity, -kInfinity, kNan, kMax, -kMax, 88.722832F, 88.75F, -103.98F}) {
    values.insert(values.end(), {end, 0.5F, -0.5F, end});
  }
  values.push_back(1.0F);
  for (size_t first = 0; first < 2; ++first) {
    std::vector<float> powers(values.begin() + static_cast<ptrdiff_t>(first), values.end());
    elementary::exp(powers);
    for (size_t i = 0; i < powers.size(); ++i) {
      const float x = values[first + i];
      ASSERT_EQ(bits(powers[i]), bits(elementary::exp(x))) << x;
    }
  }
  elementary::exp(std::span<float>());
}

TEST(ElementaryLog1p, IsRoundedCorrectlyInNearlyAllCases) {
  double worst = 0;
  const auto check = [&](float x) {
    worst = std::max(
        worst, float_units_off(elementary::log1p(x), std::log1p(static_cast<long double>(x))));
  };
  every(0, kMax, 1499, check);
  every(-0.0F, from_bits(bits(-1.0F) - 1), 1499, check);
  EXPECT_LE(worst, 0.5001);
}

TEST(ElementaryLog1p, TreatsTheEndsOfItsRange) {
  EXPECT_EQ(bits(elementary::log1p(0.0F)), bits(0.0F));
  EXPECT_EQ(bits(elementary::log1p(-0.0F)), bits(-0.0F));
  EXPECT_EQ(elementary::log1p(kSubnormal), kSubnormal);
  EXPECT_EQ(elementary::log1p(-kSubnormal), -kSubnormal);
  EXPECT_EQ(elementary::log1p(-1.0F), -kInfinity);
  EXPECT_EQ(elementary::log1p(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(elementary::log1p(from_bits(bits(-1.0F) + 1))));
  EXPECT_TRUE(std::isnan(elementary::log1p(-kInfinity)));
  EXPECT_TRUE(std::isnan(elementary::log1p(kNan)));
  // The edges between the two ways of computing it.
  for (const float x : {-0.29F, -0.28999999F, 0.41F, 0.40999999F}) {
    EXPECT_LE(float_units_off(elementary::log1p(x), std::log1p(static_cast<long double>(x))),
              0.5001)
        << x;
  }
}

TEST(ElementaryLog, StaysWithinOneUnitOfDouble) {
  double worst = 0;
  const auto check = [&](double x) {
    worst = std::max(worst, units_off(static_cast<long double>(elementary::log(x)),
                                      std::log(static_cast<long double>(x)), 53, -1074));
  };
  Random random;
  for (int i = 0; i < 1000000; ++i) {
    const uint64_t code = random.next();
    // Any positive double; the uniforms of the sampler and their logarithms; close to 1.
    const auto any = std::bit_cast<double>(code >> 1);
    if (any > 0 && any < kWideInfinity) check(any);
    const double uniform = (static_cast<double>(code >> 12) + 0.5) * 0x1p-52;
    check(uniform);
    check(-elementary::log(uniform));
    const double small =
        static_cast<double>(code >> 12) * std::ldexp(1.0, -54 - static_cast<int>(code % 48));
    check(1 + small);
    check(1 - small / 2);
  }
  EXPECT_LE(worst, 1.0);
}

TEST(ElementaryLog, TreatsTheEndsOfItsRange) {
  EXPECT_EQ(std::bit_cast<uint64_t>(elementary::log(1.0)), 0U);
  EXPECT_EQ(elementary::log(0.0), -kWideInfinity);
  EXPECT_EQ(elementary::log(-0.0), -kWideInfinity);
  EXPECT_EQ(elementary::log(kWideInfinity), kWideInfinity);
  EXPECT_TRUE(std::isnan(elementary::log(-1e-300)));
  EXPECT_TRUE(std::isnan(elementary::log(-kWideInfinity)));
  EXPECT_TRUE(std::isnan(elementary::log(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_DOUBLE_EQ(elementary::log(std::numeric_limits<double>::denorm_min()), -744.44007192138126);
  EXPECT_DOUBLE_EQ(elementary::log(std::numeric_limits<double>::max()), 709.78271289338397);
}

TEST(ElementaryPow, IsRoundedCorrectlyInNearlyAllCases) {
  double worst = 0;
  Random random;
  for (int i = 0; i < 500000; ++i) {
    const uint64_t code = random.next();
    const float base = from_bits(1 + static_cast<uint32_t>(code >> 32) % 0x7f7fffff);
    // Exponents by which results span the floats, and those of RoPE.
    const double range = 0.999 * 88 / std::abs(elementary::log(static_cast<double>(base)));
    const auto exponent =
        static_cast<float>((static_cast<double>(code & 0xffffffff) * 0x1p-31 - 1) * range);
    for (const float e : {exponent, static_cast<float>(code % 64) / 64}) {
      worst = std::max(
          worst, float_units_off(elementary::pow(base, e), std::pow(static_cast<long double>(base),
                                                                    static_cast<long double>(e))));
    }
  }
  EXPECT_LE(worst, 0.5001);
}

TEST(ElementaryPow, TreatsTheEndsOfItsRange) {
  EXPECT_EQ(elementary::pow(10000.0F, 0.0F), 1.0F);
  EXPECT_EQ(elementary::pow(10000.0F, 0.5F), 100.0F);
  EXPECT_EQ(elementary::pow(2.0F, 127.0F), 0x1p127F);
  EXPECT_EQ(elementary::pow(2.0F, 128.0F), kInfinity);
  EXPECT_EQ(elementary::pow(2.0F, -149.0F), kSubnormal);
  EXPECT_EQ(elementary::pow(2.0F, -151.0F), 0.0F);
  EXPECT_EQ(elementary::pow(kMax, 1.0F), kMax);
  EXPECT_EQ(elementary::pow(kMax, kMax), kInfinity);
  EXPECT_EQ(elementary::pow(0.0F, 2.0F), 0.0F);
  EXPECT_EQ(elementary::pow(kInfinity, -1.0F), 0.0F);
  EXPECT_TRUE(std::isnan(elementary::pow(-2.0F, 2.0F)));
  EXPECT_TRUE(std::isnan(elementary::pow(kNan, 2.0F)));
  EXPECT_TRUE(std::isnan(elementary::pow(2.0F, kNan)));
  EXPECT_TRUE(std::isnan(elementary::pow(0.0F, 0.0F)));
}

TEST(ElementarySineCosine, AreRoundedCorrectlyInNearlyAllCases) {
  double worst = 0;
  const auto check = [&](float x) {
    const elementary::SineCosine turn = elementary::sine_cosine(x);
    const auto exact = static_cast<long double>(x);
    worst = std::max({worst, float_units_off(turn.sine, std::sin(exact)),
                      float_units_off(turn.cosine, std::cos(exact))});
  };
  every(0, 0x1p-20F, 19999, check);
  every(0x1p-20F, elementary::kLargestAngle, 499, check);
  every(-0.0F, -elementary::kLargestAngle, 19999, check);
  // Positions that models reach: every angle of the fastest pair, and one slower.
  for (int position = 0; position <= 1 << 20; position += 3) {
    check(static_cast<float>(position));
    check(static_cast<float>(position) * 0.7498942F);
  }
  EXPECT_LE(worst, 0.5001);
}

// Floats next to multiples of π/2, where the reduction loses most.
TEST(ElementarySineCosine, HoldNextToMultiplesOfQuarterTurns) {
  double worst = 0;
  uint32_t n = 1;
  for (int i = 0; i < 300000; ++i, n = n * 1664525 + 1013904223) {
    const auto quarters = static_cast<long double>((n >> 1) >> (i % 31));
    const auto x = static_cast<float>(quarters * (std::numbers::pi_v<long double> / 2));
    if (!(x <= elementary::kLargestAngle)) continue;
    const elementary::SineCosine turn = elementary::sine_cosine(x);
    const auto exact = static_cast<long double>(x);
    worst = std::max({worst, float_units_off(turn.sine, std::sin(exact)),
                      float_units_off(turn.cosine, std::cos(exact))});
  }
  EXPECT_LE(worst, 0.5001);
}

TEST(ElementarySineCosine, TreatTheEndsOfTheirRange) {
  EXPECT_EQ(bits(elementary::sine_cosine(0.0F).sine), bits(0.0F));
  EXPECT_EQ(bits(elementary::sine_cosine(-0.0F).sine), bits(-0.0F));
  EXPECT_EQ(elementary::sine_cosine(-0.0F).cosine, 1.0F);
  EXPECT_EQ(elementary::sine_cosine(-kSubnormal).sine, -kSubnormal);
  const float largest = elementary::kLargestAngle;
  EXPECT_EQ(elementary::sine_cosine(largest).sine, -elementary::sine_cosine(-largest).sine);
  EXPECT_LE(std::abs(elementary::sine_cosine(largest).sine), 1.0F);
  for (const float x : {from_bits(bits(largest) + 1), -from_bits(bits(largest) + 1), kMax,
                        kInfinity, -kInfinity, kNan}) {
    EXPECT_TRUE(std::isnan(elementary::sine_cosine(x).sine)) << x;
    EXPECT_TRUE(std::isnan(elementary::sine_cosine(x).cosine)) << x;
  }
}

bool same_float(float a, float b) { return bits(a) == bits(b) || (std::isnan(a) && std::isnan(b)); }

void expect_fused(float a, float b, float c) {
  ASSERT_TRUE(same_float(elementary::fused_multiply_add(a, b, c), std::fma(a, b, c)))
      << std::hexfloat << a << " * " << b << " + " << c;
}

TEST(ElementaryFusedMultiplyAdd, HasTheBitsOfTheExactResult) {
  Random random;
  for (int i = 0; i < 1000000; ++i) {
    const uint64_t first = random.next();
    const uint64_t second = random.next();
    const float a = from_bits(static_cast<uint32_t>(first));
    const float b = from_bits(static_cast<uint32_t>(first >> 32));
    const float any = from_bits(static_cast<uint32_t>(second));
    expect_fused(a, b, any);
    // Addends that overlap the product, or cancel most of it, or lie far below its last place.
    const float product = a * b;
    const int shift = static_cast<int>(second >> 32) % 64 - 8;
    expect_fused(a, b, std::ldexp(product, -shift));
    expect_fused(a, b, std::ldexp(-product, -shift));
    expect_fused(a, b, -product);
    // Exponents at which results are subnormal.
    const float small_a = std::ldexp(1 + static_cast<float>(first & 0x7fffff) * 0x1p-23F, -70);
    const float small_b = std::ldexp(1 + static_cast<float>(second & 0x7fffff) * 0x1p-23F,
                                     -60 - static_cast<int>((second >> 23) % 24));
    expect_fused(small_a, small_b, std::ldexp(any > 0 ? 1.0F : -1.0F, -126 - shift % 24));
    expect_fused(small_a, small_b, from_bits(static_cast<uint32_t>(second >> 40) & 0x807fffff));
    expect_fused(small_a, -small_b, from_bits(static_cast<uint32_t>(second >> 40) % 64));
  }
}

// Products that end in a tie between two floats once added, tipped by what double cannot hold.
TEST(ElementaryFusedMultiplyAdd, IsNotRoundedTwice) {
  Random random;
  for (int i = 0; i < 300000; ++i) {
    const uint64_t code = random.next();
    const float odd = 1 + static_cast<float>(2 * (code & 0x3fffff) + 1) * 0x1p-23F;
    const int tip = 40 + static_cast<int>((code >> 32) % 70);
    for (const float sign : {1.0F, -1.0F}) {
      // odd * 2^-24 (1 + 2^-23) and the like beside 1: halfway, and a little more or less.
      expect_fused(0x1p-12F, 0x1p-12F, sign * odd);
      expect_fused(0x1p-12F * (1 + 0x1p-23F), 0x1p-12F, sign * odd);
      expect_fused(0x1p-12F * (1 - 0x1p-24F), 0x1p-12F * (1 + 0x1p-23F), sign * odd);
      // A product of 25 bits that is a tie itself, and an addend far below it.
      expect_fused(odd, 1.5F, sign * std::ldexp(1.0F, -tip));
      expect_fused(odd, -(1 + 0x1p-1F), sign * std::ldexp(odd, -tip));
      // The same among subnormal results.
      expect_fused(odd * 0x1p-64F, 1.5F * 0x1p-64F, sign * std::ldexp(1.0F, -149));
      expect_fused(odd * 0x1p-75F, 0x1p-75F, sign * std::ldexp(1.0F, -140));
    }
  }
}

TEST(ElementaryFusedMultiplyAdd, TreatsSpecialValuesAsTheStandardDoes) {
  const float values[] = {0.0F,  -0.0F,     1, -1,        kSubnormal, -kSubnormal, kMax,
                          -kMax, 0x1p-126F, 2, kInfinity, -kInfinity, kNan};
  for (const float a : values) {
    for (const float b : values) {
      for (const float c : values) expect_fused(a, b, c);
    }
  }
}

TEST(ElementaryRounding, GoesToTheNearestIntegerAndToTheEvenOne) {
  every(0, 0x1p22F, 997, [](float x) {
    ASSERT_EQ(elementary::round_to_integer(x), std::nearbyint(x)) << x;
    ASSERT_EQ(elementary::round_to_integer(-x), std::nearbyint(-x)) << x;
  });
  for (int half = -255; half <= 255; ++half) {
    const float x = static_cast<float>(half) / 2;
    EXPECT_EQ(elementary::round_to_integer(x), std::nearbyint(x)) << x;
  }
  EXPECT_FALSE(std::signbit(elementary::round_to_integer(-0.25F)));
  EXPECT_EQ(elementary::round_to_integer(kInfinity), kInfinity);
  EXPECT_EQ(elementary::round_to_integer(-kInfinity), -kInfinity);
  EXPECT_TRUE(std::isnan(elementary::round_to_integer(kNan)));
  EXPECT_GE(elementary::round_to_integer(kMax), 0x1.fffffcp127F);
}

TEST(ElementaryRounding, FloorAndCeilAreThoseOfTheStandard) {
  Random random;
  for (int i = 0; i < 300000; ++i) {
    const uint64_t code = random.next();
    for (const double x :
         {std::bit_cast<double>(code), static_cast<double>(static_cast<int64_t>(code)) * 0x1p-52,
          static_cast<double>(static_cast<int64_t>(code) >> 50)}) {
      if (std::isnan(x)) continue;
      ASSERT_EQ(elementary::floor(x), std::floor(x)) << x;
      ASSERT_EQ(elementary::ceil(x), std::ceil(x)) << x;
    }
  }
  EXPECT_TRUE(std::signbit(elementary::floor(-0.0)));
  EXPECT_EQ(elementary::floor(-kWideInfinity), -kWideInfinity);
  EXPECT_EQ(elementary::ceil(kWideInfinity), kWideInfinity);
  EXPECT_TRUE(std::isnan(elementary::floor(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_TRUE(std::isnan(elementary::ceil(std::numeric_limits<double>::quiet_NaN())));
}

TEST(ElementaryNextBelow, IsTheNeighbour) {
  const auto expect_neighbour = [](float x) {
    ASSERT_EQ(bits(elementary::next_below(x)), bits(std::nextafter(x, -kInfinity))) << x;
  };
  every(0, kInfinity, 9973, expect_neighbour);
  every(-0.0F, -kInfinity, 9973, expect_neighbour);
  for (const float x : {0.0F, -0.0F, kSubnormal, -kSubnormal, 1.0F, -1.0F, kMax, -kMax, kInfinity,
                        -kInfinity, 0x1p-126F}) {
    expect_neighbour(x);
  }
  EXPECT_TRUE(std::isnan(elementary::next_below(kNan)));
}

// The promise itself: the same bits from every compiler, optimisation and processor. A change here
// changes the model's answers and makes stored caches foreign.
TEST(Elementary, KeepsItsBits) {
  Digest exp;
  Digest log1p;
  Digest log;
  Digest pow;
  Digest turns;
  every(0, kInfinity, 40009, [&](float x) {
    exp.add(elementary::exp(x));
    exp.add(elementary::exp(-x));
    log1p.add(elementary::log1p(x));
    if (x < 1) log1p.add(elementary::log1p(-x));
    log.add(elementary::log(static_cast<double>(x)));
    pow.add(elementary::pow(10000.0F, x));
    if (x > elementary::kLargestAngle) return;
    turns.add(elementary::sine_cosine(x).sine);
    turns.add(elementary::sine_cosine(x).cosine);
  });
  Random random;
  for (int i = 0; i < 100000; ++i) log.add(elementary::log(static_cast<double>(random.next())));
  EXPECT_EQ(exp.value(), 2533424465374845755U);
  EXPECT_EQ(log1p.value(), 9888186677490510930U);
  EXPECT_EQ(log.value(), 13750406650856187808U);
  EXPECT_EQ(pow.value(), 13020719475170466341U);
  EXPECT_EQ(turns.value(), 16122527736771517308U);
}

}  // namespace
}  // namespace hadal
