#include "base/statistics.h"

#include <gtest/gtest.h>
#include <limits>

namespace hadal {
namespace {

TEST(Statistics, MedianAndQuantile) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(quantile({5, 4, 3, 2, 1}, 0), 1);
  EXPECT_EQ(quantile({5, 4, 3, 2, 1}, 1), 5);
  EXPECT_EQ(quantile({5, 4, 3, 2, 1}, 0.5), 3);
}

TEST(TimeHistogram, ABoundBelongsToTheClassBelowIt) {
  TimeHistogram times;
  times.add(0.001);
  times.add(0.0011);
  times.add(1000);
  times.add(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(times.counts.front(), 1);
  EXPECT_EQ(times.counts[1], 1);
  EXPECT_EQ(times.counts.back(), 2);
}

TEST(ShareOverTime, WeighsByTime) {
  ShareOverTime share;
  EXPECT_EQ(share.result().mean, 0);
  share.add(0.2, 3);
  share.add(0.6, 1);
  EXPECT_DOUBLE_EQ(share.result().mean, 0.3);
  EXPECT_EQ(share.result().greatest, 0.6);
}

}  // namespace
}  // namespace hadal
