#include "measure/metrics/settling.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

#include "measure/metrics/trend.h"
#include "support/made_up_answers.h"

namespace hadal {
namespace {

// How many values a warm-up takes whose rates are these, at most `most`.
template <typename Rate>
int values_until_settled(int most, const Rate& rate) {
  std::vector<double> rates;
  while (static_cast<int>(rates.size()) < most) {
    rates.push_back(rate(rates.size()));
    if (judge_settling(rates).settled) return static_cast<int>(rates.size());
  }
  return most;
}

TEST(Settling, ConstantRatesSettleAsSoonAsThereAreEnough) {
  EXPECT_EQ(values_until_settled(100, [](size_t) { return 5.0; }), 10);
}

TEST(Settling, ARampDoesNot) {
  EXPECT_EQ(values_until_settled(60, [](size_t i) { return 1.0 + static_cast<double>(i); }), 60);
}

TEST(Settling, AColdStartDoesOnceItIsOver) {
  // A third more speed, approached with a time constant of eight values.
  std::mt19937_64 random(1);
  const int values = values_until_settled(200, [&](size_t i) {
    return 83 - 25 * std::exp(-static_cast<double>(i) / 8) + test::normal(random);
  });
  EXPECT_GE(values, 12);
  EXPECT_LE(values, 40);
}

TEST(Settling, NoiseTakesMoreValuesNotForever) {
  int longest = 0;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    std::mt19937_64 random(seed);
    longest = std::max(
        longest, values_until_settled(300, [&](size_t) { return 10 + 2 * test::normal(random); }));
  }
  EXPECT_GT(longest, 10);
  EXPECT_LT(longest, 120);
}

TEST(Settling, NothingDoneIsNotSettled) {
  const std::vector<double> nothing(50, 0);
  const Settling judged = judge_settling(nothing);
  EXPECT_FALSE(judged.settled);
  EXPECT_EQ(judged.why, "nothing was done yet");
  const std::vector<double> broken(50, std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(judge_settling(broken).settled);
}

TEST(Settling, SaysWhatItSaw) {
  const std::vector<double> steps = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3};
  const Settling judged = judge_settling(steps);
  EXPECT_FALSE(judged.settled);
  EXPECT_DOUBLE_EQ(judged.change, 0.4);  // from 2 to 3 about 2.5
  EXPECT_EQ(judged.why, "still changing: +40.0 % ± 0.0 % over the last 10 values");
}

std::vector<TimedValue> line(double slope, double noise, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<TimedValue> out;
  for (int i = 0; i < 60; ++i)
    out.push_back({i * 1.0, 5 + slope * i + noise * test::normal(random)});
  return out;
}

TEST(Trend, FindsTheSlopeOfALine) {
  const Trend trend = trend_of(line(0.25, 0, 1)).value();
  EXPECT_NEAR(trend.slope, 0.25, 1e-12);
  EXPECT_NEAR(trend.ci95.low, 0.25, 1e-6);
  EXPECT_EQ(trend.seconds, 59);
}

TEST(Trend, IntervalsCoverTheSlope) {
  int covered = 0;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    const Trend trend = trend_of(line(0.1, 1, seed)).value();
    covered += trend.ci95.low <= 0.1 && 0.1 <= trend.ci95.high ? 1 : 0;
  }
  EXPECT_GE(covered, 930);
}

TEST(Trend, OfTooFewOrOfNoTimeThereIsNone) {
  EXPECT_FALSE(trend_of({}));
  const std::vector<TimedValue> at_once(10, TimedValue{.seconds = 1, .value = 2});
  EXPECT_FALSE(trend_of(at_once));
}

}  // namespace
}  // namespace hadal
