#include "engine/sampler.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <vector>

#include "base/error.h"

namespace hadal {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::map<int32_t, int> draw(const std::vector<float>& logits, const SamplingOptions& options,
                            int draws) {
  Sampler sampler;
  std::map<int32_t, int> counts;
  for (int i = 0; i < draws; ++i) {
    ++counts[sampler.sample(logits, options, static_cast<uint64_t>(i))];
  }
  return counts;
}

// Pearson's statistic against softmax(logits / temperature) over the tokens of `allowed`.
double chi_square(const std::map<int32_t, int>& counts, const std::vector<float>& logits,
                  const std::vector<int32_t>& allowed, double temperature, int draws) {
  double total = 0;
  for (const int32_t token : allowed) {
    total += std::exp(static_cast<double>(logits[static_cast<size_t>(token)]) / temperature);
  }
  double statistic = 0;
  for (const int32_t token : allowed) {
    const double expected =
        draws * std::exp(static_cast<double>(logits[static_cast<size_t>(token)]) / temperature) /
        total;
    const auto found = counts.find(token);
    const double difference = (found == counts.end() ? 0 : found->second) - expected;
    statistic += difference * difference / expected;
  }
  return statistic;
}

TEST(SamplerTest, GreedyTakesTheGreatestAndTheLowerIdAmongEquals) {
  Sampler sampler;
  const SamplingOptions greedy{.temperature = 0};
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 3, 2, 3}, greedy, 0), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{-kInfinity, -7}, greedy, 0), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{5, 5}, greedy, 9), 0);
}

TEST(SamplerTest, DrawsFromTheSoftmax) {
  const std::vector<float> logits{0, 1, 2, -1, 0.5F, 1.5F, -2, 0};
  constexpr int kDraws = 40000;
  for (const float temperature : {0.5F, 1.0F, 2.0F}) {
    for (const uint64_t seed : {0ULL, 1ULL, 0xffffffffffffffffULL}) {
      const auto counts = draw(logits, {.temperature = temperature, .seed = seed}, kDraws);
      // 7 degrees of freedom: 29.9 is exceeded once in 10,000; the seeds are fixed.
      EXPECT_LT(chi_square(counts, logits, {0, 1, 2, 3, 4, 5, 6, 7}, temperature, kDraws), 29.9)
          << "temperature " << temperature << " seed " << seed;
    }
  }
}

TEST(SamplerTest, NoiseOfNeighboursIsIndependent) {
  // The pair of noises at (token, token + 1) and at (position, position + 1), in quarters of the
  // distribution: 16 cells each, 15 degrees of freedom, 44.3 is exceeded once in 10,000.
  const auto quarter = [](double noise) {
    return static_cast<int>(4 * std::exp(-std::exp(-noise)));
  };
  constexpr int kDraws = 32000;
  for (const bool along_tokens : {true, false}) {
    std::vector<int> cells(16);
    for (int i = 0; i < kDraws; ++i) {
      const auto k = static_cast<uint64_t>(i);
      const double a = gumbel_noise(7, along_tokens ? 3 : k, along_tokens ? i : 11);
      const double b = gumbel_noise(7, along_tokens ? 3 : k + 1, along_tokens ? i + 1 : 11);
      ++cells[static_cast<size_t>(4 * quarter(a) + quarter(b))];
    }
    double statistic = 0;
    for (const int cell : cells) {
      const double difference = cell - kDraws / 16.0;
      statistic += difference * difference / (kDraws / 16.0);
    }
    EXPECT_LT(statistic, 44.3) << along_tokens;
  }
}

TEST(SamplerTest, SameSeedAndPositionGiveTheSameToken) {
  std::vector<float> logits(1000);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = std::sin(static_cast<float>(i));
  Sampler fresh;
  Sampler used;
  int differences = 0;
  for (uint64_t position = 0; position < 50; ++position) {
    const SamplingOptions options{.top_p = 0.9F, .seed = 42};
    const int32_t token = used.sample(logits, options, position);
    EXPECT_EQ(token, fresh.sample(logits, options, position));
    const SamplingOptions other{.top_p = 0.9F, .seed = 43};
    if (used.sample(logits, other, position) != token) ++differences;
  }
  EXPECT_GT(differences, 25);
}

TEST(SamplerTest, FiltersKeepTheLikeliestAndTheirProportions) {
  // Probabilities 0.4, 0.3, 0.2, 0.1, not in order of id.
  const std::vector<float> logits{std::log(0.1F), std::log(0.4F), std::log(0.2F), std::log(0.3F)};
  constexpr int kDraws = 20000;
  struct Case {
    SamplingOptions options;
    std::vector<int32_t> allowed;
  };
  const std::vector<Case> cases{
      {{.top_k = 2}, {1, 3}},
      {{.top_p = 0.69F}, {1, 3}},
      {{.top_p = 0.71F}, {1, 3, 2}},
      {{.min_p = 0.6F}, {1, 3}},
      {{.min_p = 0.3F}, {1, 3, 2}},
      {{.top_k = 1}, {1}},
      {{.top_p = 1e-6F}, {1}},
      {{.min_p = 1}, {1}},
      // Of the two that top_k leaves, the first has 4/7 of the probability.
      {{.top_p = 0.56F, .top_k = 2}, {1}},
      {{.top_p = 0.58F, .top_k = 2}, {1, 3}},
      {{.top_p = 0.95F, .top_k = 100, .min_p = 0.3F}, {1, 3, 2}},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    const auto counts = draw(logits, cases[i].options, kDraws);
    EXPECT_EQ(counts.size(), cases[i].allowed.size());
    EXPECT_LT(chi_square(counts, logits, cases[i].allowed, 1, kDraws), 21.1);
  }
}

TEST(SamplerTest, AFilterChangesATokenOnlyWhenItRemovesIt) {
  // The noise of a token does not depend on the others: a wider set can only replace the choice by
  // a token that the narrower set lacks.
  std::vector<float> logits(50);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>((i * 37) % 50) / 10;
  Sampler sampler;
  for (uint64_t position = 0; position < 200; ++position) {
    const int32_t narrow = sampler.sample(logits, {.top_k = 10, .seed = 5}, position);
    const int32_t wide = sampler.sample(logits, {.seed = 5}, position);
    const float threshold = 4.0F;  // the ten greatest are 4.0 to 4.9
    if (wide != narrow) {
      EXPECT_LT(logits[static_cast<size_t>(wide)], threshold);
    }
    EXPECT_GE(logits[static_cast<size_t>(narrow)], threshold);
  }
}

TEST(SamplerTest, TiesAtTheEdgeOfTheSetKeepTheLowerId) {
  const auto counts = draw({1, 1, 1, 1}, {.top_k = 2}, 500);
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_EQ(counts.count(0), 1U);
  EXPECT_EQ(counts.count(1), 1U);
}

TEST(SamplerTest, ExtremeTemperaturesStayFinite) {
  Sampler sampler;
  const std::vector<float> logits{-1e30F, 3e38F, -3e38F, 2.9e38F};
  EXPECT_EQ(sampler.sample(logits, {.temperature = 1e-40F}, 0), 1);
  EXPECT_EQ(sampler.sample(logits, {.temperature = 100, .top_p = 0.5F}, 0), 1);
}

TEST(SamplerTest, RefusesLogitsThatAreNoNumbers) {
  Sampler sampler;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float temperature : {0.0F, 1.0F}) {
    const SamplingOptions options{.temperature = temperature};
    EXPECT_THROW(sampler.sample(std::vector<float>{1, nan, 2}, options, 0), Error);
    EXPECT_THROW(sampler.sample(std::vector<float>{nan}, options, 0), Error);
    EXPECT_THROW(sampler.sample(std::vector<float>{1, kInfinity}, options, 0), Error);
    EXPECT_THROW(sampler.sample(std::vector<float>{-kInfinity, -kInfinity}, options, 0), Error);
  }
}

TEST(SamplerTest, OptionsOutOfRangeAreNamed) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NO_THROW(check_sampling_options({}));
  EXPECT_NO_THROW(check_sampling_options({.temperature = 0, .top_p = 1e-9F, .min_p = 1}));
  for (const SamplingOptions& bad :
       {SamplingOptions{.temperature = -1}, SamplingOptions{.temperature = nan},
        SamplingOptions{.temperature = kInfinity}, SamplingOptions{.top_p = 0},
        SamplingOptions{.top_p = 1.1F}, SamplingOptions{.top_p = nan}, SamplingOptions{.top_k = -1},
        SamplingOptions{.min_p = -0.1F}, SamplingOptions{.min_p = nan}}) {
    EXPECT_THROW(check_sampling_options(bad), Error);
  }
}

}  // namespace
}  // namespace hadal
