#include "economics/week_hours.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

int minutes_in(const WeekHours& hours) {
  int count = 0;
  for (int minute = 0; minute < kMinutesPerWeek; ++minute) count += hours.contains(minute) ? 1 : 0;
  return count;
}

int at(int day, int hour, int minute = 0) { return (day * 24 + hour) * 60 + minute; }

TEST(WeekHours, HoldFromTheFirstMinuteUntilBeforeTheLast) {
  const WeekHours hours("mon-fri", std::vector<std::string>{"01:00-04:00", "06:00-10:00"});
  EXPECT_EQ(minutes_in(hours), 5 * 7 * 60);
  EXPECT_TRUE(hours.contains(at(0, 1)));
  EXPECT_TRUE(hours.contains(at(4, 9, 59)));
  EXPECT_FALSE(hours.contains(at(4, 10)));
  EXPECT_FALSE(hours.contains(at(5, 7)));
}

TEST(WeekHours, GoOnPastMidnightAndPastSunday) {
  const WeekHours hours("sun", std::vector<std::string>{"22:00-06:00"});
  EXPECT_EQ(minutes_in(hours), 8 * 60);
  EXPECT_TRUE(hours.contains(at(6, 23)));
  EXPECT_TRUE(hours.contains(at(0, 5, 59)));
  EXPECT_FALSE(hours.contains(at(0, 6)));
  EXPECT_EQ(minutes_in(WeekHours("sat-mon,wed", {})), 4 * 24 * 60);
  EXPECT_EQ(minutes_in(WeekHours("all", std::vector<std::string>{"00:00-24:00"})), kMinutesPerWeek);
}

TEST(WeekHours, RefuseWhatIsNoDayOrHour) {
  const auto refuses = [](std::string_view days, const std::string& hours) {
    EXPECT_THROW(WeekHours(days, std::vector<std::string>{hours}), Error) << days << " " << hours;
  };
  for (const char* days : {"", "monday", "mon-", "mon,", "fri-", "-"}) refuses(days, "01:00-02:00");
  for (const char* hours : {"", "1-2", "01:00", "01:00-01:00", "25:00-26:00", "01:60-02:00",
                            "24:00-02:00", "01:00-02:00 ", "0a:00-02:00"}) {
    refuses("all", hours);
  }
}

TEST(WeekHours, KnowTheDayOfATime) {
  // 2026-08-17 was a Monday; 00:30 UTC.
  EXPECT_EQ(minute_of_week(1786926600, 0), at(0, 0, 30));
  EXPECT_EQ(minute_of_week(1786926600, -60), at(6, 23, 30));
  EXPECT_EQ(minute_of_week(1786926600, 8 * 60), at(0, 8, 30));
  EXPECT_EQ(minute_of_week(0, 0), at(3, 0));
  EXPECT_EQ(minute_of_week(-1, 0), at(2, 23, 59));
}

}  // namespace
}  // namespace hadal
