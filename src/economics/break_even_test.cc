#include "economics/break_even.h"

#include <cmath>
#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

// A machine that costs $9 an idle hour and $10 a busy one, and gives what an API sells for $25.
BreakEvenInput machine(double utilisation) {
  return {.tokens_per_busy_hour = {.computed_input = 10'000'000,
                                   .cached_input = 30'000'000,
                                   .output = 5'000'000},
          .own = {{.name = "rent", .usd_per_hour = 8, .usd_per_idle_hour = 8},
                  {.name = "electricity", .usd_per_hour = 2, .usd_per_idle_hour = 1}},
          .utilisation = utilisation,
          .api = TokenPrices{.input = 0.9, .cached_input = 0.2, .output = 2},
          .rent_usd_per_hour = 19};
}

TEST(BreakEven, ComparesAtTheLoadThereIs) {
  const BreakEven at_half = break_even(machine(0.5));
  EXPECT_NEAR(at_half.own_usd_per_million.value(), 9.5 / 22.5, 1e-9);
  EXPECT_NEAR(at_half.api_usd_per_million.value(), 25 / 45.0, 1e-9);
  EXPECT_NEAR(at_half.rent_usd_per_million.value(), 19 / 45.0, 1e-9);
  EXPECT_NEAR(at_half.own_beats_api_from.value(), 9.0 / 24, 1e-9);
  EXPECT_NEAR(at_half.own_beats_rent_from.value(), 0.5, 1e-9);
}

TEST(BreakEven, IsWhereBothCostTheSame) {
  const double from = *break_even(machine(0.5)).own_beats_api_from;
  const BreakEven there = break_even(machine(from));
  EXPECT_NEAR(*there.own_usd_per_million, *there.api_usd_per_million, 1e-9);
  EXPECT_LT(*break_even(machine(from + 0.01)).own_usd_per_million, *there.api_usd_per_million);
  EXPECT_GT(*break_even(machine(from - 0.01)).own_usd_per_million, *there.api_usd_per_million);
}

TEST(BreakEven, MayNotExist) {
  BreakEvenInput cheap_api = machine(1);
  cheap_api.api = TokenPrices{.input = 0.1, .cached_input = 0.01, .output = 0.2};
  EXPECT_FALSE(break_even(cheap_api).own_beats_api_from.has_value());
  BreakEvenInput alone = machine(1);
  alone.api.reset();
  alone.rent_usd_per_hour.reset();
  EXPECT_FALSE(break_even(alone).api_usd_per_million.has_value());
  EXPECT_TRUE(break_even(alone).own_usd_per_million.has_value());
}

TEST(BreakEven, RefusesWhatCannotBe) {
  for (const double bad : {0.0, -0.5, 1.5, std::nan("")})
    EXPECT_THROW(break_even(machine(bad)), Error);
  BreakEvenInput no_tokens = machine(1);
  no_tokens.tokens_per_busy_hour = {};
  EXPECT_THROW(break_even(no_tokens), Error);
  BreakEvenInput negative = machine(1);
  negative.rent_usd_per_hour = -1;
  EXPECT_THROW(break_even(negative), Error);
}

}  // namespace
}  // namespace hadal
