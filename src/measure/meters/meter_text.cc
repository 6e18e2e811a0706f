#include "measure/meters/meter_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/suggest.h"
#include "base/system_files.h"
#include "json/fields.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kBlanks = " \t\r\n";
constexpr int64_t kMostNumber = 4095;  // of a card or board
constexpr size_t kLongestDevice = 80;  // bytes of a name that a command gives

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// Calls use(key, value) for each line "key : value".
template <typename Use>
void each_pair(std::string_view text, Use use) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    use(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
}

const ordered_json* member(const ordered_json* object, const char* key) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto found = object->find(key);
  return found == object->end() ? nullptr : &*found;
}

// {"value": 174, "unit": "W"}, or 174 alone in older versions.
std::optional<double> amount(const ordered_json* value, std::string_view unit, bool& wrong_unit) {
  if (const ordered_json* within = member(value, "value")) {
    const ordered_json* named = member(value, "unit");
    if (named != nullptr && named->is_string() && named->get_ref<const std::string&>() != unit) {
      wrong_unit = true;
      return std::nullopt;
    }
    value = within;
  }
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double number = value->get<double>();
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

[[noreturn]] void refuse_amd_smi(const std::string& what) {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = "amd-smi metric -p -E --json",
               .what = what,
               .remedy = "run it by hand to see what it prints"});
}

struct Unit {
  std::string_view name;
  double factor;
  bool is_energy;
};
constexpr Unit kUnits[] = {{"W", 1, false},     {"kW", 1e3, false}, {"mW", 1e-3, false},
                           {"J", 1, true},      {"kJ", 1e3, true},  {"Wh", 3600, true},
                           {"kWh", 3.6e6, true}};

[[noreturn]] void refuse_line(std::string_view line, const std::string& what) {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = fmt::format("\"{}\"", printable(line, 80)),
               .what = what,
               .remedy = "a meter prints watts, one number a line, or {\"watts\": 213.5}"});
}

// A name that begins with a class stays; another becomes part of the class that the meter covers.
std::string device_name(std::string_view given, std::string_view covers) {
  if (given.empty()) return std::string(covers);
  const std::string name = printable(given, kLongestDevice);
  return device_class(name).empty() ? fmt::format("{}:{}", covers, name) : name;
}

MeterReading read_json_line(std::string_view line, std::string_view covers) {
  static const std::vector<std::string> known = {"watts", "joules", "device"};
  const std::string where = "a line of the meter's command";
  const ordered_json document = parse_json_file_text(line, where);
  const FieldsSource source = {
      .code = ErrorCode::kInvalidFile, .file = where, .tells_values = true};
  const Fields fields(document, "", source);
  for (const auto& [key, value] : document.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    const std::string meant = nearest(key, known);
    refuse_line(line, fmt::format("the key \"{}\" is unknown{}", printable(key, 40),
                                  meant.empty() ? "" : fmt::format("; is \"{}\" meant?", meant)));
  }
  MeterReading reading = {.device = device_name(fields.string("device").value_or(""), covers),
                          .watts = fields.number("watts"),
                          .joules = fields.number("joules")};
  if (!reading.watts && !reading.joules) refuse_line(line, "neither \"watts\" nor \"joules\"");
  return reading;
}

}  // namespace

std::optional<double> parse_decimal(std::string_view text) {
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::vector<MeterReading> read_amd_smi(std::string_view text) {
  const size_t begin = text.find_first_of("[{");
  if (begin == std::string_view::npos) refuse_amd_smi("prints no JSON");
  const ordered_json document =
      parse_json(text.substr(begin), "amd-smi metric -p -E --json", ErrorCode::kInvalidFile);
  const ordered_json* wrapped = member(&document, "gpu_data");
  const ordered_json& boards = wrapped == nullptr ? document : *wrapped;
  if (!boards.is_array()) refuse_amd_smi("there is no list of GPUs");
  std::vector<MeterReading> readings;
  bool wrong_unit = false;
  for (const ordered_json& board : boards) {
    const ordered_json* number = member(&board, "gpu");
    if (number == nullptr || !number->is_number_integer()) continue;
    const auto index = number->get<int64_t>();
    if (index < 0 || index > kMostNumber) refuse_amd_smi("a GPU has an impossible number");
    MeterReading reading = {.device = fmt::format("gpu{}", index)};
    const ordered_json* power = member(&board, "power");
    for (const char* key : {"socket_power", "current_socket_power", "average_socket_power"}) {
      if (!reading.watts) reading.watts = amount(member(power, key), "W", wrong_unit);
    }
    reading.joules =
        amount(member(member(&board, "energy"), "total_energy_consumption"), "J", wrong_unit);
    if (reading.watts || reading.joules) readings.push_back(std::move(reading));
  }
  if (readings.empty()) {
    refuse_amd_smi(wrong_unit ? "power is not in W" : "no GPU shows its power");
  }
  return readings;
}

std::vector<int> read_npu_smi_list(std::string_view text) {
  std::vector<int> cards;
  each_pair(text, [&](std::string_view key, std::string_view value) {
    const auto number = key == "NPU ID" ? parse_number(value) : std::nullopt;
    if (number && *number <= kMostNumber &&
        std::ranges::find(cards, static_cast<int>(*number)) == cards.end()) {
      cards.push_back(static_cast<int>(*number));
    }
  });
  return cards;
}

std::optional<double> read_npu_smi_power(std::string_view text) {
  std::optional<double> watts;
  each_pair(text, [&](std::string_view key, std::string_view value) {
    if (key != "Power Dissipation(W)" && key != "NPU Real-time Power(W)") return;
    if (const auto number = parse_decimal(value)) watts = watts.value_or(0) + *number;
  });
  return watts;
}

std::optional<double> read_ipmi_dcmi(std::string_view text) {
  std::optional<double> watts;
  bool active = true;
  each_pair(text, [&](std::string_view key, std::string_view value) {
    if (key == "Instantaneous power reading") {
      watts = parse_decimal(value.substr(0, value.find_first_of(kBlanks)));
    } else if (key == "Power reading state is") {
      active = value == "activated";
    }
  });
  return active ? watts : std::nullopt;
}

std::optional<MeterReading> read_meter_line(std::string_view line, std::string_view covers) {
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return std::nullopt;
  if (line.front() == '{') return read_json_line(line, covers);
  const size_t end = std::min(line.find_first_not_of("+-.0123456789eE"), line.size());
  const auto number = parse_decimal(line.substr(0, end));
  const std::string_view unit_name = trimmed(line.substr(end));
  const auto* const unit =
      std::ranges::find(kUnits, unit_name.empty() ? "W" : unit_name, &Unit::name);
  if (!number || unit == std::ranges::end(kUnits)) {
    refuse_line(line, "this is no number of watts");
  }
  MeterReading reading = {.device = std::string(covers)};
  (unit->is_energy ? reading.joules : reading.watts) = *number * unit->factor;
  return reading;
}

}  // namespace hadal
