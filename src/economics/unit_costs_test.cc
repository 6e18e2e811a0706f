#include "economics/unit_costs.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace hadal {
namespace {

// What was published of DeepSeek V4 Pro in May and June 2026, with the prices and powers of then.
TEST(UnitCosts, ReproducePublishedConversions) {
  // GB300, output tokens of a decode GPU.
  EXPECT_NEAR(usd_per_million_tokens(4722, 2.652).value(), 0.156, 5e-4);
  EXPECT_NEAR(usd_per_million_tokens(11474, 2.652).value(), 0.064, 5e-4);
  // MI355X.
  EXPECT_NEAR(usd_per_million_tokens(1411, 1.48).value(), 0.291, 5e-4);
  EXPECT_NEAR(usd_per_million_tokens(2256, 1.48).value(), 0.18, 5e-3);
  EXPECT_NEAR(tokens_per_megawatt_second(2256, 2.65).value(), 851e3, 500);
  // B200 on its first day.
  EXPECT_NEAR(tokens_per_megawatt_second(651, 2.17).value(), 300e3, 500);
  EXPECT_NEAR(usd_per_million_tokens(651, 1.95).value(), 0.83, 5e-3);
  EXPECT_NEAR(joules_per_token(651, 2.17).value(), 3.33, 5e-3);
}

TEST(UnitCosts, AreReciprocalsOfEachOther) {
  for (const double throughput : {0.5, 33.0, 12000.0}) {
    EXPECT_NEAR(
        usd_per_million_tokens(throughput, 2.5).value() * tokens_per_usd(throughput, 2.5).value(),
        1e6, 1e-3);
    EXPECT_NEAR(tokens_per_megawatt_second(throughput, 1.7).value() *
                    joules_per_token(throughput, 1.7).value(),
                1e6, 1e-3);
  }
}

TEST(UnitCosts, HaveNoValueWithoutAThroughputPriceOrPower) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {0.0, -1.0, std::nan(""), infinity}) {
    EXPECT_FALSE(usd_per_million_tokens(bad, 2).has_value());
    EXPECT_FALSE(tokens_per_usd(bad, 2).has_value());
    EXPECT_FALSE(tokens_per_usd(100, bad).has_value());
    EXPECT_FALSE(tokens_per_megawatt_second(100, bad).has_value());
    EXPECT_FALSE(joules_per_token(bad, 2).has_value());
  }
  EXPECT_EQ(usd_per_million_tokens(100, 0), 0);
  EXPECT_FALSE(usd_per_million_tokens(100, -2).has_value());
}

}  // namespace
}  // namespace hadal
