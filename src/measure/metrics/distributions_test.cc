#include "measure/metrics/distributions.h"

#include <cmath>
#include <gtest/gtest.h>

namespace hadal {
namespace {

TEST(Distributions, BinomialSumsByHand) {
  EXPECT_NEAR(binomial_at_most(3, 10, 0.5), 176.0 / 1024, 1e-13);
  EXPECT_NEAR(binomial_at_most(1, 4, 0.4), 0.1296 + 0.3456, 1e-13);
  EXPECT_EQ(binomial_at_most(-1, 10, 0.5), 0);
  EXPECT_EQ(binomial_at_most(10, 10, 0.5), 1);
}

TEST(Distributions, BinomialAgreesWithItsSumForManyTrials) {
  const double n = 5000;
  const double p = 0.99;
  double sum = 0;
  for (int k = 0; k <= 4940; ++k) {
    sum += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1) +
                    k * std::log(p) + (n - k) * std::log1p(-p));
  }
  EXPECT_NEAR(binomial_at_most(4940, n, p), sum, 1e-9);
}

TEST(Distributions, NormalLimitMeetsTheExactOne) {
  // Just below and just above the number of trials from which on it is used.
  const double below = binomial_at_most(900'300, 1e6, 0.9);
  const double above = binomial_at_most(900'300 + 0.9, 1e6 + 1, 0.9);
  EXPECT_NEAR(below, above, 1e-4);
}

TEST(Distributions, IncompleteBeta) {
  EXPECT_NEAR(incomplete_beta(2, 3, 0.4), 0.5248, 1e-13);
  EXPECT_NEAR(incomplete_beta(1, 1, 0.3), 0.3, 1e-13);
  EXPECT_NEAR(incomplete_beta(0.5, 0.5, 0.5), 0.5, 1e-13);
  EXPECT_EQ(incomplete_beta(2, 3, 0), 0);
  EXPECT_EQ(incomplete_beta(2, 3, 1), 1);
}

TEST(Distributions, StudentsTAsTabulated) {
  EXPECT_NEAR(student_t_quantile(0.975, 1), 12.7062, 1e-4);
  EXPECT_NEAR(student_t_quantile(0.975, 2), 4.3027, 1e-4);
  EXPECT_NEAR(student_t_quantile(0.975, 4), 2.7764, 1e-4);
  EXPECT_NEAR(student_t_quantile(0.975, 10), 2.2281, 1e-4);
  EXPECT_NEAR(student_t_quantile(0.95, 30), 1.6973, 1e-4);
  EXPECT_NEAR(student_t_quantile(0.975, 1e9), 1.959964, 1e-6);
}

TEST(Distributions, BetaQuantileTurnsTheFunctionRound) {
  for (const double p : {0.025, 0.5, 0.975}) {
    EXPECT_NEAR(incomplete_beta(7, 3, beta_quantile(p, 7, 3)), p, 1e-12);
  }
}

}  // namespace
}  // namespace hadal
