#include "engine/faster_way.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

// Takes `steps` choices, the ways taking `times`; returns how often way 1 was taken.
int take(FasterWay& way, int steps, const double (&times)[2]) {
  int second = 0;
  for (int i = 0; i < steps; ++i) {
    const int chosen = way.choose();
    way.measured(chosen, times[chosen]);
    second += chosen;
  }
  return second;
}

TEST(FasterWayTest, TakesTheFasterAndTriesTheOtherRarely) {
  FasterWay first;
  EXPECT_LT(take(first, 10000, {1.0, 1.1}), 160);
  EXPECT_GT(take(first, 10000, {1.0, 1.1}), 50);
  FasterWay second;
  EXPECT_GT(take(second, 10000, {2.0, 1.0}), 10000 - 50);
  // One that is ten times slower is tried once in thousands.
  FasterWay far_slower;
  EXPECT_LE(take(far_slower, 20000, {0.001, 0.01}), 8);
}

TEST(FasterWayTest, NoticesThatTimesHaveChanged) {
  FasterWay way;
  take(way, 1000, {1.0, 1.5});
  EXPECT_GT(take(way, 1000, {1.0, 0.5}), 800);  // the slower became faster
  EXPECT_LT(take(way, 1000, {1.0, 3.0}), 20);   // the faster became slower
}

TEST(FasterWayTest, OneDelayDecidesNothing) {
  FasterWay way;
  take(way, 100, {1.0, 1.2});
  for (int i = 0; i < 3; ++i) way.measured(0, 50.0);
  EXPECT_LT(take(way, 60, {1.0, 1.2}), 3);
}

// The first times after a pause may be those of threads that have to be woken.
TEST(FasterWayTest, ATrialIsLongEnoughToWakeThreads) {
  FasterWay way;
  take(way, 1000, {1.0, 1.5});
  int last = 0;
  int taken = 0;
  for (int i = 0; i < 2000; ++i) {
    const int chosen = way.choose();
    way.measured(chosen, chosen == 0 ? 1.0 : last == 0 ? 2.0 : 0.5);
    last = chosen;
    taken += chosen;
  }
  EXPECT_GT(taken, 1000);
}

TEST(FasterWayTest, TimesOfZeroAreHarmless) {
  FasterWay way;
  take(way, 1000, {0.0, 0.0});
  EXPECT_GT(take(way, 1000, {1.0, 0.0}), 900);
}

}  // namespace
}  // namespace hadal
