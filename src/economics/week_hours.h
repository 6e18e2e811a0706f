// Hours that come again every week, "mon-fri 16:00-21:00": of an electricity tariff, of the peak
// prices of an API. Weeks begin on Monday at midnight; minutes of a week are counted from there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

inline constexpr int kMinutesPerWeek = 7 * 24 * 60;

class WeekHours {
 public:
  // `days`: "all", a day such as "mon", a range such as "mon-fri", or several with commas. `hours`:
  // such as "16:00-21:00"; one that ends before it begins goes on into the next day, and none is
  // the whole day. Throws Error kInvalidArgument that says what is wrong.
  WeekHours(std::string_view days, std::span<const std::string> hours);

  bool contains(int minute_of_week) const { return minutes_[static_cast<size_t>(minute_of_week)]; }

 private:
  std::vector<bool> minutes_ = std::vector<bool>(kMinutesPerWeek);
};

// The minute of the week of a time in seconds since 1970, on a clock that is `utc_offset_minutes`
// ahead of UTC.
int minute_of_week(int64_t unix_seconds, int utc_offset_minutes);

}  // namespace hadal
