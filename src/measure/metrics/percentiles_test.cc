#include "measure/metrics/percentiles.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <vector>

#include "support/made_up_answers.h"

namespace hadal {
namespace {

std::vector<double> one_to(int n) {
  std::vector<double> out(n);
  std::iota(out.begin(), out.end(), 1);
  return out;
}

TEST(Percentiles, FloorsAreThoseOfMlperf) {
  EXPECT_EQ(sample_floor(0.5), 11);
  EXPECT_EQ(sample_floor(0.75), 24);
  EXPECT_EQ(sample_floor(0.9), 64);
  EXPECT_EQ(sample_floor(0.95), 130);
  EXPECT_EQ(sample_floor(0.99), 662);
  EXPECT_EQ(sample_floor(0.999), 6636);
  EXPECT_EQ(sample_floor(0.9999), 66381);
}

TEST(Percentiles, AreNearestRanks) {
  EXPECT_EQ(percentile(one_to(11), 0.5)->value, 6);
  EXPECT_EQ(percentile(one_to(12), 0.5)->value, 6);
  EXPECT_EQ(percentile(one_to(100), 0.9)->value, 90);
  EXPECT_EQ(percentile(one_to(200), 0.95)->value, 190);
  EXPECT_EQ(percentile(one_to(1000), 0.99)->value, 990);
  EXPECT_EQ(percentile(one_to(1001), 0.99)->value, 991);
}

TEST(Percentiles, AreAbsentBelowTheFloor) {
  EXPECT_FALSE(percentile(one_to(10), 0.5));
  EXPECT_TRUE(percentile(one_to(11), 0.5));
  EXPECT_FALSE(percentile(one_to(661), 0.99));
  EXPECT_TRUE(percentile(one_to(662), 0.99));
}

TEST(Percentiles, IntervalsByHand) {
  // Of 11 the median lies between the 2nd and the 10th with 1 − 2 · 12/2048 = 98.8 %, between the
  // 3rd and the 9th with 93.5 %.
  const Interval of_11 = percentile(one_to(11), 0.5)->ci95.value();
  EXPECT_EQ(of_11.low, 2);
  EXPECT_EQ(of_11.high, 10);
  // Of 20 between the 6th and the 15th: 95.9 %.
  const Interval of_20 = percentile(one_to(20), 0.5)->ci95.value();
  EXPECT_EQ(of_20.low, 6);
  EXPECT_EQ(of_20.high, 15);
}

TEST(Percentiles, SamplesWorthLessGiveWiderIntervals) {
  const std::vector<double> samples = one_to(2000);
  const Percentile all = percentile(samples, 0.9).value();
  const Percentile tenth = percentile(samples, 0.9, 200).value();
  EXPECT_EQ(all.value, tenth.value);
  const double ratio = (tenth.ci95->high - tenth.ci95->low) / (all.ci95->high - all.ci95->low);
  EXPECT_NEAR(ratio, std::sqrt(10), 0.35);
}

TEST(Percentiles, WithoutARankBeyondThereIsNoInterval) {
  // Worth 20 independent ones, of which the greatest may well lie below the 99th percentile.
  EXPECT_FALSE(percentile(one_to(700), 0.99, 20)->ci95);
}

TEST(Percentiles, IntervalsCoverTheTruth) {
  std::mt19937_64 random(1);
  struct Case {
    int n;
    double share;
    double truth;  // of the exponential distribution
  };
  for (const Case& c : {Case{40, 0.5, std::log(2.0)}, Case{100, 0.9, std::log(10.0)},
                        Case{800, 0.99, std::log(100.0)}}) {
    int covered = 0;
    for (int round = 0; round < 1000; ++round) {
      std::vector<double> samples(c.n);
      for (double& s : samples) {
        s = -std::log((static_cast<double>(random() >> 11) + 0.5) * 0x1p-53);
      }
      std::sort(samples.begin(), samples.end());
      const Interval interval = percentile(samples, c.share)->ci95.value();
      covered += interval.low <= c.truth && c.truth <= interval.high ? 1 : 0;
    }
    EXPECT_GE(covered, 940) << c.share;
    EXPECT_LE(covered, 995) << c.share;  // nor far wider than they say
  }
}

TEST(Percentiles, SharesHaveClopperAndPearsonsInterval) {
  const Interval half = share_interval(5, 10);
  EXPECT_NEAR(half.low, 0.1871, 1e-4);
  EXPECT_NEAR(half.high, 0.8129, 1e-4);
  const Interval none = share_interval(0, 10);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.3085, 1e-4);
  EXPECT_EQ(share_interval(10, 10).high, 1);
}

}  // namespace
}  // namespace hadal
