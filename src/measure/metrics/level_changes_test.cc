#include "measure/metrics/level_changes.h"

#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <random>

namespace hadal {
namespace {

// Days around a level that takes the factors of `steps` on their days.
std::vector<double> days(size_t count, double sigma, const std::map<size_t, double>& steps,
                         unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, sigma);
  double level = 1000;
  std::vector<double> values;
  for (size_t i = 0; i < count; ++i) {
    if (const auto step = steps.find(i); step != steps.end()) level *= step->second;
    values.push_back(level * std::exp(noise(random)));
  }
  return values;
}

TEST(LevelChanges, AreThoseAboveTheNoise) {
  // 1.2 % of noise: two days differ by 3.4 % by chance.
  const std::map<size_t, double> steps = {{12, 1.18}, {20, 1.008}, {27, 0.91}, {36, 1.4}};
  size_t extra = 0;
  for (unsigned seed = 1; seed <= 100; ++seed) {
    const LevelFindings found = find_level_changes(days(45, 0.012, steps, seed));
    std::map<size_t, double> changes;
    for (const LevelChange& change : found.changes) changes[change.at] = change.ratio;
    for (const size_t day : {12, 27, 36}) {
      ASSERT_TRUE(changes.contains(day)) << "seed " << seed;
      EXPECT_NEAR(changes[day], steps.at(day), 0.05) << "seed " << seed;
    }
    extra += changes.size() - 3;
    EXPECT_GT(found.noise_ratio.value(), 1.015) << "seed " << seed;
    EXPECT_LT(found.noise_ratio.value(), 1.07) << "seed " << seed;
  }
  EXPECT_LE(extra, 1U);
}

TEST(LevelChanges, NoiseAloneIsNearlyNeverOne) {
  size_t marked = 0;
  for (unsigned seed = 1; seed <= 200; ++seed) {
    marked += find_level_changes(days(45, 0.02, {}, seed)).changes.size();
  }
  EXPECT_LE(marked, 4U);
}

TEST(LevelChanges, AFewDaysSayNothing) {
  const LevelFindings found = find_level_changes(days(kFewestHistoryDays - 1, 0.01, {{3, 5.0}}, 1));
  EXPECT_FALSE(found.noise_ratio.has_value());
  EXPECT_TRUE(found.changes.empty());
  EXPECT_TRUE(find_level_changes({}).level.empty());
}

}  // namespace
}  // namespace hadal
