#include "economics/catalogue_fields.h"

#include <chrono>

#include "json/known_keys.h"

namespace hadal {
namespace {

constexpr double kLargest = 1e15;  // beyond any quantity that a catalogue speaks of

std::optional<double> amount_at(const Fields& object, std::string_view key) {
  const std::optional<double> value = object.number(key);
  if (value && !(*value >= 0 && *value <= kLargest)) {
    object.refuse(key, "must be a number from 0 to 10^15");
  }
  return value;
}

// The number that `digits` are, which must be as many as `length`.
std::optional<int> digits_at(std::string_view text, size_t at, size_t length) {
  if (at + length > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, length)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = 10 * value + (c - '0');
  }
  return value;
}

}  // namespace

FieldsSource catalogue_source(const std::string& file) {
  return {.code = ErrorCode::kInvalidFile,
          .file = file,
          .remedy = "correct the file; data/README.md lists the keys",
          .tells_values = true};
}

void check_schema(const Fields& document, std::string_view schema) {
  const std::optional<std::string> given = document.string("schema");
  if (given && *given != schema) {
    document.refuse("schema", "must be \"" + std::string(schema) + "\"");
  }
}

Figure read_figure(const Fields& object, std::string_view value_key) {
  Figure figure{.value = amount_at(object, value_key),
                .low = amount_at(object, "low"),
                .high = amount_at(object, "high"),
                .source = object.string("source").value_or(object.source().file),
                .date = object.string("date").value_or(""),
                .note = object.string("note").value_or("")};
  if (figure.low.has_value() != figure.high.has_value() ||
      (figure.low && *figure.low > *figure.high)) {
    object.refuse("low", "must come with \"high\" and not be above it");
  }
  if (figure.value && figure.low) object.refuse("low", "has no place beside a value");
  return figure;
}

void read_figure_at(const Fields& object, std::string_view key, Figure& figure) {
  const nlohmann::ordered_json* value = object.find(key);
  if (value == nullptr) return;
  if (value->is_number()) {
    figure = {.value = amount_at(object, key), .source = object.source().file};
    return;
  }
  if (!value->is_object()) {
    refuse_type(object.path(key), *value, "must be a number, or an object with a value",
                object.source());
  }
  constexpr std::string_view kKnown[] = {"value", "low", "high", "source", "date", "note"};
  const Fields fields(*value, object.path(key), object.source());
  refuse_unknown_keys(fields, kKnown);
  figure = read_figure(fields, "value");
}

void read_text_at(const Fields& object, std::string_view key, std::string& text) {
  if (auto value = object.string(key)) text = std::move(*value);
}

void read_texts_at(const Fields& object, std::string_view key, std::vector<std::string>& texts) {
  if (!object.has(key)) return;
  texts.clear();
  object.each(key, [&](const nlohmann::ordered_json& value, const std::string& path) {
    if (!value.is_string()) refuse_type(path, value, "must be a string", object.source());
    texts.push_back(value.get<std::string>());
  });
}

std::optional<int64_t> unix_time(std::string_view text) {
  const auto year = digits_at(text, 0, 4);
  const auto month = digits_at(text, 5, 2);
  const bool has_day = text.size() > 7;
  const auto day = has_day ? digits_at(text, 8, 2) : 1;
  if (!year || !month || !day || text[4] != '-' || (has_day && text[7] != '-')) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  const int64_t midnight = std::chrono::duration_cast<std::chrono::seconds>(
                               std::chrono::sys_days(date).time_since_epoch())
                               .count();
  if (text.size() <= 10)
    return text.size() == 7 || text.size() == 10 ? std::optional(midnight) : std::nullopt;
  const auto hour = digits_at(text, 11, 2);
  const auto minute = digits_at(text, 14, 2);
  if (text.size() != 17 || text[10] != 'T' || text[13] != ':' || text[16] != 'Z' || !hour ||
      !minute || *hour > 23 || *minute > 59) {
    return std::nullopt;
  }
  return midnight + 3600 * *hour + 60 * *minute;
}

}  // namespace hadal
