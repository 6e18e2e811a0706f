#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/logit_weights.h"
#include "support/floats.h"

namespace hadal {
namespace {

using test::kInfinity;

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
  const auto check = [&](const SamplingOptions& options, const std::vector<int32_t>& allowed) {
    const auto counts = draw(logits, options, kDraws);
    EXPECT_EQ(counts.size(), allowed.size());
    EXPECT_LT(chi_square(counts, logits, allowed, 1, kDraws), 21.1);
  };
  check({.top_k = 2}, {1, 3});
  check({.top_p = 0.69F}, {1, 3});
  check({.top_p = 0.71F}, {1, 3, 2});
  check({.min_p = 0.6F}, {1, 3});
  check({.min_p = 0.3F}, {1, 3, 2});
  check({.top_k = 1}, {1});
  check({.top_p = 1e-6F}, {1});
  check({.top_p = 0}, {1});
  check({.top_p = 0, .top_k = 3}, {1});
  check({.min_p = 1}, {1});
  // Of the two that top_k leaves, the first has 4/7 of the probability.
  check({.top_p = 0.56F, .top_k = 2}, {1});
  check({.top_p = 0.58F, .top_k = 2}, {1, 3});
  check({.top_p = 0.95F, .top_k = 100, .min_p = 0.3F}, {1, 3, 2});
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

// The definition, word by word: sort, cut, add noise to everything that is left.
int32_t naive_sample(const std::vector<float>& logits, const SamplingOptions& options,
                     uint64_t position) {
  std::vector<int32_t> order;
  for (size_t i = 0; i < logits.size(); ++i) order.push_back(static_cast<int32_t>(i));
  const auto logit = [&](int32_t token) {
    return static_cast<double>(logits[static_cast<size_t>(token)]);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return logit(a) > logit(b); });
  const int32_t greatest = order.front();
  if (options.temperature == 0) return greatest;
  const auto scaled = [&](int32_t token) {
    return (logit(token) - logit(greatest)) / static_cast<double>(options.temperature);
  };
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < order.size()) {
    order.resize(static_cast<size_t>(options.top_k));
  }
  if (options.top_p < 1) {
    double total = 0;
    for (const int32_t token : order) total += std::exp(scaled(token));
    double sum = 0;
    size_t kept = 0;
    while (kept < order.size() && sum < static_cast<double>(options.top_p) * total) {
      sum += std::exp(scaled(order[kept++]));
    }
    order.resize(kept);
  }
  std::erase_if(order, [&](int32_t token) {
    return std::exp(scaled(token)) < static_cast<double>(options.min_p);
  });
  int32_t best = greatest;
  double best_score = -std::numeric_limits<double>::infinity();
  for (const int32_t token : order) {
    const double score = scaled(token) + gumbel_noise(options.seed, position, token);
    if (score > best_score || (score == best_score && token < best)) {
      best = token;
      best_score = score;
    }
  }
  return best;
}

TEST(SamplerTest, IsTheDefinitionOnLogitsOfManyShapes) {
  std::mt19937_64 random(4);
  const auto uniform = [&](double from, double to) {
    return std::uniform_real_distribution<double>(from, to)(random);
  };
  Sampler sampler;
  std::map<int32_t, int> chosen;
  for (int trial = 0; trial < 6000; ++trial) {
    const auto vocab = static_cast<size_t>(
        trial % 100 == 0 ? uniform(5000, 20000) : std::exp(uniform(0, std::log(700.0))));
    std::vector<float> logits(vocab);
    const double spread = std::exp(uniform(-4, 4));
    const int shape = trial % 6;
    for (float& logit : logits) {
      double value = std::normal_distribution<double>(0, spread)(random);
      if (shape == 1) value = std::round(value);                    // ties
      if (shape == 2) value = 3;                                    // all alike
      if (shape == 3 && uniform(0, 1) < 0.7) value = -INFINITY;     // masked
      if (shape == 4 && uniform(0, 1) < 0.01) value = spread * 20;  // a few likely ones
      if (shape == 5 && uniform(0, 1) < 0.1) value = -1e30;         // an unlikely crowd
      logit = static_cast<float>(value);
    }
    if (shape == 3) logits[static_cast<size_t>(uniform(0, static_cast<double>(vocab)))] = 1;
    SamplingOptions options{.temperature = static_cast<float>(std::exp(uniform(-4, 3))),
                            .seed = random()};
    if (uniform(0, 1) < 0.5) options.top_p = static_cast<float>(uniform(0.01, 0.999));
    if (uniform(0, 1) < 0.4) options.top_k = static_cast<int>(std::exp(uniform(0, 8)));
    if (uniform(0, 1) < 0.3) options.min_p = static_cast<float>(std::exp(uniform(-12, 0)));
    if (uniform(0, 1) < 0.05) options.temperature = 0;
    const auto position = static_cast<uint64_t>(trial);
    const int32_t token = sampler.sample(logits, options, position);
    ++chosen[token];
    ASSERT_EQ(token, naive_sample(logits, options, position))
        << "trial " << trial << " vocab " << vocab << " T " << options.temperature << " top_p "
        << options.top_p << " top_k " << options.top_k << " min_p " << options.min_p;
  }
  EXPECT_GT(chosen.size(), 400U);
}

TEST(SamplerTest, WeightsAreThoseOfTheExponential) {
  for (const double temperature : {0.01, 0.7, 1.0, 30.0}) {
    const SoftmaxWeights weights(5, temperature);
    EXPECT_EQ(weights.compute(5), kGreatestWeight);
    EXPECT_EQ(weights.compute(-kInfinity), 0U);
    uint64_t before = kGreatestWeight;
    for (int i = 1; i < 2000; ++i) {
      const double x = -i / 100.0;
      const uint64_t weight = weights.compute(static_cast<float>(5 + x * temperature));
      const double exact =
          std::exp((static_cast<double>(static_cast<float>(5 + x * temperature)) - 5) /
                   temperature) *
          static_cast<double>(kGreatestWeight);
      ASSERT_NEAR(static_cast<double>(weight), exact, 1e-5 * exact + 1) << x;
      ASSERT_LT(weight, before + 2);
      before = weight;
    }
  }
}

TEST(SamplerTest, OptionsOutOfRangeAreNamed) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NO_THROW(check_sampling_options({}));
  EXPECT_NO_THROW(check_sampling_options({.temperature = 0, .top_p = 1e-9F, .min_p = 1}));
  const auto refusal = [](const SamplingOptions& options) {
    try {
      check_sampling_options(options);
    } catch (const Error& error) {
      return error.parts().where;
    }
    return std::string();
  };
  EXPECT_EQ(refusal({.temperature = -1}), "temperature");
  EXPECT_EQ(refusal({.temperature = nan}), "temperature");
  EXPECT_EQ(refusal({.temperature = kInfinity}), "temperature");
  EXPECT_EQ(refusal({.top_p = 0}), "");
  EXPECT_EQ(refusal({.top_p = -1e-6F}), "top_p");
  EXPECT_EQ(refusal({.top_p = 1.1F}), "top_p");
  EXPECT_EQ(refusal({.top_p = nan}), "top_p");
  EXPECT_EQ(refusal({.top_k = -1}), "top_k");
  EXPECT_EQ(refusal({.min_p = -0.1F}), "min_p");
  EXPECT_EQ(refusal({.min_p = nan}), "min_p");
  EXPECT_EQ(refusal({.repetition_penalty = 0}), "repetition_penalty");
  EXPECT_EQ(refusal({.repetition_penalty = nan}), "repetition_penalty");
  EXPECT_EQ(refusal({.repetition_penalty = 11}), "repetition_penalty");
  EXPECT_EQ(refusal({.presence_penalty = 2.1F}), "presence_penalty");
  EXPECT_EQ(refusal({.presence_penalty = nan}), "presence_penalty");
  EXPECT_EQ(refusal({.frequency_penalty = -2.1F}), "frequency_penalty");
  EXPECT_EQ(refusal({.logit_bias = {{.token = -1}}}), "logit_bias");
  EXPECT_EQ(refusal({.logit_bias = {{.token = 1, .bias = 101}}}), "logit_bias");
  EXPECT_EQ(refusal({.logit_bias = {{.token = 1, .bias = nan}}}), "logit_bias");
  EXPECT_EQ(refusal({.logit_bias = {{.token = 1, .bias = 1}, {.token = 1, .bias = 2}}}),
            "logit_bias");
  EXPECT_EQ(refusal({.logit_bias = std::vector<LogitBias>(1025)}), "logit_bias");
  EXPECT_EQ(refusal({.top_logprobs = 21}), "top_logprobs");
  EXPECT_EQ(refusal({.top_logprobs = -1}), "top_logprobs");
  const SamplingOptions bias{.logit_bias = {{.token = 99, .bias = 1}}};
  EXPECT_NO_THROW(check_sampling_options(bias, 100));
  EXPECT_THROW(check_sampling_options(bias, 99), Error);
}

}  // namespace
}  // namespace hadal
