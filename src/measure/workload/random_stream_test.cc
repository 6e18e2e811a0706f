#include "measure/workload/random_stream.h"

#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "base/error.h"
#include "measure/workload/vocabulary.h"

namespace hadal {
namespace {

// splitmix64's published values for the seed 1234567.
TEST(RandomStream, IsSplitmix64) {
  RandomStream random(1234567);
  for (const uint64_t expected : {6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
                                  4593380528125082431U, 16408922859458223821U}) {
    EXPECT_EQ(random.bits(), expected);
  }
}

// Computed once in Python. A change here changes every plan ever made.
TEST(RandomStream, StaysWhatItIsForEver) {
  EXPECT_EQ(stream_key({1, 2, 3}), 0xd0734750fde362b3U);
  EXPECT_EQ(stream_key({3, 2, 1}), 0xd62a7f6e291fef64U);
  RandomStream integers(42);
  for (const uint64_t expected : {7, 1, 2, 3, 0, 8, 2, 8, 3, 6, 2, 4}) {
    EXPECT_EQ(integers.below(10), expected);
  }
  RandomStream gaps(7);
  for (const double expected :
       {0.9420451777573828, 4.0870733896954095, 0.10451567196446845, 0.5396876657698019}) {
    EXPECT_NEAR(gaps.exponential(), expected, 1e-14);
  }
}

TEST(RandomStream, IntegersAreUniformOverAllOfTheirRange) {
  RandomStream random(1);
  std::array<int, 7> counts = {};
  constexpr int kDraws = 70000;
  for (int i = 0; i < kDraws; ++i) ++counts.at(static_cast<size_t>(random.between(-3, 3) + 3));
  double chi_square = 0;
  for (const int count : counts) {
    chi_square += (count - 10000.0) * (count - 10000.0) / 10000;
  }
  EXPECT_LT(chi_square, 22.5);  // 99.9 % of six degrees of freedom
  EXPECT_EQ(random.between(5, 5), 5);
  random.between(INT64_MIN, INT64_MAX);
}

// Mean, variance and the share below the mean, within five standard errors of the true values.
struct Moments {
  double mean = 0;
  double variance = 0;
};

template <typename Draw>
Moments moments_of(Draw draw) {
  constexpr int kDraws = 200000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = draw();
    sum += x;
    squares += x * x;
  }
  const double mean = sum / kDraws;
  return {.mean = mean, .variance = squares / kDraws - mean * mean};
}

TEST(RandomStream, DistributionsHaveTheirMoments) {
  RandomStream random(5);
  const Moments exponential = moments_of([&] { return random.exponential(); });
  EXPECT_NEAR(exponential.mean, 1, 0.012);
  EXPECT_NEAR(exponential.variance, 1, 0.035);
  const Moments normal = moments_of([&] { return random.normal(); });
  EXPECT_NEAR(normal.mean, 0, 0.012);
  EXPECT_NEAR(normal.variance, 1, 0.016);
  for (const double shape : {0.25, 0.5, 1.0, 2.5, 40.0}) {
    const Moments gamma = moments_of([&] { return random.gamma(shape); });
    EXPECT_NEAR(gamma.mean, shape, 5 * std::sqrt(shape / 200000)) << shape;
    // Var of the sample variance: (mu4 - var^2) / n with mu4 = 3 shape^2 + 6 shape.
    const double error = std::sqrt((2 * shape * shape + 6 * shape) / 200000);
    EXPECT_NEAR(gamma.variance, shape, 5 * error) << shape;
  }
}

TEST(Vocabulary, SkipsExcludedIds) {
  const Vocabulary vocabulary(10, 20, {12, 10, 19, 12, 500, -1});
  EXPECT_EQ(vocabulary.size(), 7);
  std::vector<int32_t> ids;
  for (int64_t place = 0; place < vocabulary.size(); ++place) ids.push_back(vocabulary.at(place));
  EXPECT_EQ(ids, (std::vector<int32_t>{11, 13, 14, 15, 16, 17, 18}));
  EXPECT_THROW(Vocabulary(0, 3, {0, 1}), Error);
  EXPECT_THROW(Vocabulary(-1, 10), Error);
  EXPECT_THROW(Vocabulary(10, 5), Error);
}

}  // namespace
}  // namespace hadal
