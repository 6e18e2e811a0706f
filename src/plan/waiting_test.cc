#include "plan/waiting.h"

#include <cmath>
#include <gtest/gtest.h>

namespace hadal {
namespace {

TEST(Waiting, NothingToLearnIsWorthNothing) {
  // Owning costs half of what is elsewhere, and is mature: each week of waiting costs the
  // difference.
  const WaitingValue value = waiting_value({.own = 1, .elsewhere = 2, .horizon_weeks = 100});
  EXPECT_DOUBLE_EQ(value.committed, 1);
  ASSERT_EQ(value.rows.size(), 4U);
  EXPECT_NEAR(value.rows[0].usd_per_million, 0.04 * 2 + 0.96 * 1, 1e-12);
  EXPECT_NEAR(value.rows[0].option_value, -0.04, 1e-12);
  EXPECT_DOUBLE_EQ(value.rows[0].probability, 1);
}

TEST(Waiting, AnEvenBetIsWorthItsBetterHalf) {
  // Costs 0.5 or 1.5 with equal chances, elsewhere 1: deciding today is worth nothing, after half
  // of the time one owns in the good case alone: 0.5 x 1 + 0.5 x (0.5 x 0.5 + 0.5 x 1) = 0.875.
  const WaitingValue value = waiting_value(
      {.own = 1, .elsewhere = 1, .cost_low = 0.5, .cost_high = 1.5, .horizon_weeks = 52});
  EXPECT_DOUBLE_EQ(value.committed, 1);
  ASSERT_EQ(value.rows.size(), 3U);
  EXPECT_NEAR(value.rows[2].usd_per_million, 0.875, 1e-12);
  EXPECT_NEAR(value.rows[2].option_value, 0.125, 1e-12);
  EXPECT_DOUBLE_EQ(value.rows[2].probability, 0.5);
}

TEST(Waiting, ChancesKeepTheMean) {
  const WaitingValue value = waiting_value(
      {.own = 1, .elsewhere = 1, .cost_low = 0.8, .cost_high = 1.6, .horizon_weeks = 52});
  double mean = 0;
  double all = 0;
  for (const WaitingLeaf& leaf : value.leaves) {
    mean += leaf.probability * leaf.cost;
    all += leaf.probability;
  }
  EXPECT_NEAR(all, 1, 1e-12);
  EXPECT_NEAR(mean, 1, 1e-12);
  EXPECT_NEAR(value.own_today, 1, 1e-12);
}

TEST(Waiting, AYoungStackCatchesUp) {
  // Twice the time today, a tenth of the excess left after 10 weeks.
  const WaitingInput input{.own = 2,
                           .elsewhere = 1.5,
                           .excess = 1,
                           .youth_days = 70 / std::log(10.0),
                           .horizon_weeks = 104};
  const WaitingValue value = waiting_value(input);
  const double weeks = 10 / std::log(10.0);
  EXPECT_NEAR(value.own_today, 1 + weeks / 104, 1e-9);
  // In the first four weeks owning costs more than what is elsewhere, in thirteen less.
  EXPECT_NEAR(value.rows[0].option_value, (4 + weeks * (1 - std::pow(10, -0.4)) - 1.5 * 4) / 104,
              1e-9);
  EXPECT_GT(value.rows[0].option_value, 0);
  EXPECT_LT(value.rows[1].option_value, 0);
  EXPECT_TRUE(waiting_value({.own = 1}).rows.empty());
}

}  // namespace
}  // namespace hadal
