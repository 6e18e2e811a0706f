#include "economics/week_hours.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace hadal {
namespace {

constexpr int kMinutesPerDay = 24 * 60;
constexpr std::string_view kDays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

[[noreturn]] void refuse(std::string_view text, const std::string& rule) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "\"" + printable(text, 60) + "\"",
               .what = "must be " + rule});
}

int day_of(std::string_view name, std::string_view all) {
  const auto found = std::ranges::find(kDays, name);
  if (found == std::end(kDays)) {
    refuse(all, "days such as \"mon-fri\", \"sat,sun\" or \"all\"");
  }
  return static_cast<int>(found - std::begin(kDays));
}

std::vector<bool> days_of(std::string_view text) {
  std::vector<bool> days(7, text == "all");
  if (text == "all") return days;
  std::string_view rest = text;
  while (true) {
    const size_t comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    const size_t dash = part.find('-');
    const int first = day_of(part.substr(0, dash), text);
    const int last = dash == std::string_view::npos ? first : day_of(part.substr(dash + 1), text);
    for (int day = first;; day = (day + 1) % 7) {
      days[static_cast<size_t>(day)] = true;
      if (day == last) break;
    }
    if (comma == std::string_view::npos) return days;
    rest.remove_prefix(comma + 1);
  }
}

// "HH:MM" as minutes, up to 24:00.
std::optional<int> clock_minutes(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  int parts[2] = {};
  for (const size_t at : {size_t{0}, size_t{1}, size_t{3}, size_t{4}}) {
    if (text[at] < '0' || text[at] > '9') return std::nullopt;
    int& part = parts[at / 3];
    part = 10 * part + (text[at] - '0');
  }
  const int minutes = 60 * parts[0] + parts[1];
  if (parts[1] > 59 || minutes > kMinutesPerDay) return std::nullopt;
  return minutes;
}

}  // namespace

WeekHours::WeekHours(std::string_view days, std::span<const std::string> hours) {
  const std::vector<bool> on_day = days_of(days);
  const std::vector<std::string> whole_day = {"00:00-24:00"};
  if (hours.empty()) hours = whole_day;
  for (const std::string& text : hours) {
    const auto begin = clock_minutes(text.substr(0, std::min(text.size(), size_t{5})));
    const auto end = text.size() == 11 && text[5] == '-'
                         ? clock_minutes(std::string_view(text).substr(6))
                         : std::nullopt;
    if (!begin || !end || *begin == *end || *begin == kMinutesPerDay) {
      refuse(text, "hours such as \"16:00-21:00\"");
    }
    const int length = (*end > *begin ? 0 : kMinutesPerDay) + *end - *begin;
    for (int day = 0; day < 7; ++day) {
      if (!on_day[static_cast<size_t>(day)]) continue;
      const int from = day * kMinutesPerDay + *begin;
      for (int minute = from; minute < from + length; ++minute) {
        minutes_[static_cast<size_t>(minute % kMinutesPerWeek)] = true;
      }
    }
  }
}

int minute_of_week(int64_t unix_seconds, int utc_offset_minutes) {
  // 1970 began on a Thursday.
  constexpr int64_t kFirstMinute = int64_t{3} * kMinutesPerDay;
  const int64_t seconds_in_minute = ((unix_seconds % 60) + 60) % 60;
  const int64_t minutes =
      (unix_seconds - seconds_in_minute) / 60 + kFirstMinute + utc_offset_minutes;
  return static_cast<int>((minutes % kMinutesPerWeek + kMinutesPerWeek) % kMinutesPerWeek);
}

}  // namespace hadal
