// Names and times as other tools write them.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>

#include "measure/exchange/point_builder.h"

namespace hadal {
namespace {

constexpr std::array<std::string_view, 23> kHardware = {"rtx-pro-6000-maxq",
                                                        "rtx-pro-6000",
                                                        "dgx-spark-gb10",
                                                        "ascend-910c",
                                                        "ascend-950pr",
                                                        "ascend-950dt",
                                                        "rtx-5090",
                                                        "rtx-4090",
                                                        "a100-80",
                                                        "h20-141",
                                                        "h20-96",
                                                        "gb200",
                                                        "gb300",
                                                        "vr200",
                                                        "mi300x",
                                                        "mi325x",
                                                        "mi350x",
                                                        "mi355x",
                                                        "mi455x",
                                                        "h100",
                                                        "h200",
                                                        "b200",
                                                        "b300"};

bool is_word_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Whether `name` has `key` with nothing but separators or ends around it.
bool has_word(std::string_view name, std::string_view key) {
  for (size_t at = name.find(key); at != std::string_view::npos; at = name.find(key, at + 1)) {
    const size_t end = at + key.size();
    if ((at == 0 || !is_word_character(name[at - 1])) &&
        (end == name.size() || !is_word_character(name[end]))) {
      return true;
    }
  }
  return false;
}

// Digits from `at` on, exactly `length` of them.
std::optional<int> digits(std::string_view text, size_t at, size_t length) {
  if (at + length > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, length)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

struct Moment {
  std::optional<int> year, month, day;
  std::optional<int> hour = 0, minute = 0, second = 0;
  double fraction = 0;
  int offset_minutes = 0;
};

// "+00", "-05:30", "Z" or nothing.
std::optional<int> offset_minutes(std::string_view text) {
  if (text.empty() || text == "Z") return 0;
  if (text[0] != '+' && text[0] != '-') return std::nullopt;
  const std::optional<int> hours = digits(text, 1, 2);
  if (!hours.has_value()) return std::nullopt;
  std::string_view rest = text.substr(3);
  if (rest.starts_with(':')) rest.remove_prefix(1);
  const std::optional<int> minutes = rest.empty() ? 0 : digits(rest, 0, 2);
  if (!minutes.has_value() || rest.size() > 2) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (*hours * 60 + *minutes);
}

}  // namespace

std::string hardware_key(std::string_view name) {
  std::string small(name);
  std::transform(small.begin(), small.end(), small.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c == ' ' ? '-' : c;
  });
  if (small.starts_with("cluster:")) small.erase(0, std::string_view("cluster:").size());
  for (const std::string_view key : kHardware) {
    if (has_word(small, key)) return std::string(key);
  }
  for (const std::string_view chip : {"950dt", "950pr", "910c"}) {
    if (has_word(small, chip)) return "ascend-" + std::string(chip);
  }
  return small;
}

std::string workload_name(int64_t input_length, int64_t output_length) {
  constexpr int64_t kK = 1024;
  if (input_length == 8 * kK && output_length == kK) return "8k1k";
  if (input_length == kK && output_length == kK) return "1k1k";
  if (input_length == kK && output_length == 8 * kK) return "1k8k";
  return fmt::format("{}:{}", input_length, output_length);
}

std::optional<double> parse_time(std::string_view text) {
  Moment moment;
  std::string_view rest;
  if (text.size() == 15 && text[8] == '-') {
    moment = {.year = digits(text, 0, 4),
              .month = digits(text, 4, 2),
              .day = digits(text, 6, 2),
              .hour = digits(text, 9, 2),
              .minute = digits(text, 11, 2),
              .second = digits(text, 13, 2)};
  } else {
    if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
    moment.year = digits(text, 0, 4);
    moment.month = digits(text, 5, 2);
    moment.day = digits(text, 8, 2);
    if (text.size() > 10) {
      if ((text[10] != 'T' && text[10] != ' ') || text.size() < 19) return std::nullopt;
      moment.hour = digits(text, 11, 2);
      moment.minute = digits(text, 14, 2);
      moment.second = digits(text, 17, 2);
      rest = text.substr(19);
      if (rest.starts_with('.')) {
        const size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
        if (end > 20) return std::nullopt;
        const std::string fraction = "0" + std::string(rest.substr(0, end));
        std::from_chars(fraction.data(), fraction.data() + fraction.size(), moment.fraction);
        rest.remove_prefix(end);
      }
    }
  }
  const std::optional<int> offset = offset_minutes(rest);
  if (!moment.year || !moment.month || !moment.day || !moment.hour || !moment.minute ||
      !moment.second || !offset) {
    return std::nullopt;
  }
  if (*moment.month < 1 || *moment.month > 12 || *moment.day < 1 || *moment.day > 31 ||
      *moment.hour > 23 || *moment.minute > 59 || *moment.second > 60) {
    return std::nullopt;
  }
  std::tm parts = {};
  parts.tm_year = *moment.year - 1900;
  parts.tm_mon = *moment.month - 1;
  parts.tm_mday = *moment.day;
  parts.tm_hour = *moment.hour;
  parts.tm_min = *moment.minute;
  parts.tm_sec = *moment.second;
  return static_cast<double>(timegm(&parts) - *offset * 60) + moment.fraction;
}

std::string format_time(double unix_seconds) {
  constexpr double kEndOf9999 = 253402300799;
  const auto seconds =
      static_cast<std::time_t>(std::floor(std::clamp(unix_seconds, 0.0, kEndOf9999)));
  std::tm parts = {};
  gmtime_r(&seconds, &parts);
  const double fraction = unix_seconds - static_cast<double>(seconds);
  // Micros are as fine as a double is here.
  const auto micros = static_cast<int>(std::clamp(std::round(fraction * 1e6), 0.0, 999999.0));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     micros == 0 ? "" : fmt::format(".{:06}", micros));
}

}  // namespace hadal
