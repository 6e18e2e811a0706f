#include "plan/constants.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/embedded_file.h"
#include "base/error.h"
#include "base/suggest.h"
#include "economics/catalogue_fields.h"
#include "json/python_json.h"

namespace hadal {

// Of the source that CMake makes from data/.
std::vector<EmbeddedFile> embedded_plan_constants();

namespace {

constexpr std::string_view kFamilyNames[] = {"blackwell",   "hopper", "amd",
                                             "workstation", "other",  "cpu"};

// Shares and factors that something is divided by; times may be nothing, and so may what is 0 for
// some family.
bool may_be_zero(const ConstantSpec& spec) {
  return spec.low == 0 || spec.unit == "us" || spec.unit == "ms" ||
         std::find(spec.values.begin(), spec.values.end(), 0) != spec.values.end();
}

std::vector<ConstantSpec> read_table() {
  const std::string where = "plan-constants.json";
  const nlohmann::ordered_json json =
      parse_json_file_text(embedded_plan_constants().front().text(), where);
  const FieldsSource source = catalogue_source(where);
  const Fields document(json, "", source);
  check_schema(document, "hadal.plan-constants/1");
  std::vector<ConstantSpec> table;
  document.each("constants", [&](const nlohmann::ordered_json& value, const std::string& path) {
    const Fields row(value, path, source);
    ConstantSpec spec{.name = row.required_string("name"),
                      .unit = row.required_string("unit"),
                      .low = row.number("low").value(),
                      .high = row.number("high").value(),
                      .meaning = row.required_string("meaning"),
                      .source = row.required_string("source")};
    const Fields values(row.at("values"), row.path("values"), source);
    for (size_t i = 0; i < kDeviceFamilies; ++i) {
      spec.values[i] = values.number(kFamilyNames[i]).value();
      const auto& fitted = row.at("calibrated");
      spec.calibrated[i] = std::find(fitted.begin(), fitted.end(), kFamilyNames[i]) != fitted.end();
    }
    table.push_back(std::move(spec));
  });
  HADAL_CHECK(table.size() == kConstants);
  return table;
}

}  // namespace

std::string_view device_family_name(DeviceFamily family) {
  return kFamilyNames[static_cast<size_t>(family)];
}

std::span<const ConstantSpec> constant_table() {
  static const std::vector<ConstantSpec> table = read_table();
  return table;
}

Constants::Constants() {
  for (size_t i = 0; i < kConstants; ++i) values_[i] = constant_table()[i].values;
}

void Constants::set(std::string_view assignment) {
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--assume " + printable(assignment),
                 .what = what,
                 .remedy = remedy});
  };
  const size_t equals = assignment.find('=');
  constexpr double kMostValue = 1e6;
  double value = 0;
  const std::string_view text =
      equals == std::string_view::npos ? std::string_view() : assignment.substr(equals + 1);
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() ||
      !(value >= 0 && value <= kMostValue)) {
    refuse("is not a name, an equals sign and a number from 0 to a million",
           "write it like gemm_share=0.4");
  }
  std::string_view name = assignment.substr(0, equals);
  size_t family = kDeviceFamilies;
  if (const size_t dot = name.find('.'); dot != std::string_view::npos) {
    const auto* found =
        std::find(std::begin(kFamilyNames), std::end(kFamilyNames), name.substr(dot + 1));
    family = static_cast<size_t>(found - std::begin(kFamilyNames));
    if (family == kDeviceFamilies) {
      refuse("names no family of devices", "use blackwell, hopper, amd, workstation, other or cpu");
    }
    name = name.substr(0, dot);
  }
  std::vector<std::string> names;
  for (size_t id = 0; id < kConstants; ++id) {
    names.push_back(constant_table()[id].name);
    if (names.back() != name) continue;
    if (value == 0 && !may_be_zero(constant_table()[id])) {
      refuse("cannot be 0", "give what is above 0");
    }
    for (size_t i = 0; i < kDeviceFamilies; ++i) {
      if (family == kDeviceFamilies || family == i) values_[id][i] = value;
    }
    return;
  }
  const std::string meant = nearest(name, names);
  refuse("is no assumption of the planner",
         meant.empty() ? "hadal plan --constants lists them" : "did you mean " + meant + "?");
}

void Constants::scale(Constant id, double factor) {
  for (double& value : values_[static_cast<size_t>(id)]) value *= factor;
}

double youth_factor(const Constants& constants, DeviceFamily family, double days) {
  return 1 + constants.get(Constant::kYouthExcess, family) *
                 std::exp(-days / constants.get(Constant::kYouthDays, family));
}

double days_since_release(std::string_view date) {
  constexpr double kUnknown = 180;
  constexpr double kSecondsPerDay = 86400;
  if (date.size() == 4) return kUnknown;  // a year alone
  const std::optional<int64_t> released = unix_time("2026-04-24");
  const std::optional<int64_t> then = unix_time(date);
  if (!then || !released) return kUnknown;
  return std::max(0.0, static_cast<double>(*then - *released) / kSecondsPerDay);
}

}  // namespace hadal
