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
    for (size_t i = 0; i < kDeviceFamilies; ++i)
      spec.values[i] = values.number(kFamilyNames[i]).value();
    table.push_back(std::move(spec));
  });
  HADAL_CHECK(table.size() == kConstants);
  return table;
}

const std::vector<EngineTraits>& engines() {
  static const std::vector<EngineTraits> table = {
      {.name = "vllm",
       .mixes = true,
       .chunk = 4096,
       .source = "lockstep of data-parallel ranks; engines' documentation, 2026"},
      {.name = "sglang", .gathers_prefills = true, .source = "prefill delayer, 2026"},
      {.name = "atom", .gathers_prefills = true, .source = "waits of 4-8 s before prefills, 2026"},
      {.name = "trt", .source = "no figures of its own; like vllm"},
      {.name = "mindie", .source = "no figures of its own; like vllm"},
      {.name = "llama.cpp", .stages = true, .single_stream = true, .source = "peers, 2026"},
      {.name = "ds4", .stages = true, .single_stream = true, .source = "peers, 2026"},
      {.name = "ktransformers",
       .experts_on_host = true,
       .single_stream = true,
       .source = "peers, 2026"},
      {.name = "hadal", .source = "hadal bench"},
      {.name = "ideal", .floor = 0, .source = "limits alone"},
  };
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
  double value = 0;
  const std::string_view text =
      equals == std::string_view::npos ? std::string_view() : assignment.substr(equals + 1);
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() ||
      !std::isfinite(value) || value < 0) {
    refuse("is not a name, an equals sign and a number", "write it like gemm_share=0.4");
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

EngineTraits engine_traits(std::string_view engine) {
  const EngineTraits* found = &engines().front();
  size_t longest = 0;
  for (const EngineTraits& traits : engines()) {
    if (engine.find(traits.name) != std::string_view::npos && traits.name.size() >= longest) {
      // "atom-vllm" and "atomesh-vllm" are vllm with the kernels of atom.
      if (traits.name == "atom" && engine.find("vllm") != std::string_view::npos) continue;
      found = &traits;
      longest = traits.name.size();
    }
  }
  return *found;
}

std::span<const EngineTraits> known_engines() { return engines(); }

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
