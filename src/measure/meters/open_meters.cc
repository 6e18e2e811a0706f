#include "measure/meters/open_meters.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <map>

#include "base/error.h"
#include "base/suggest.h"
#include "base/system_files.h"
#include "measure/meters/command_meter.h"
#include "measure/meters/constant_meter.h"
#include "measure/meters/hwmon_meter.h"
#include "measure/meters/nvml_meter.h"
#include "measure/meters/prometheus_meter.h"
#include "measure/meters/rapl_meter.h"
#include "measure/meters/tool_meters.h"

namespace hadal {
namespace {

struct Spec {
  std::string text = {};
  std::string name = {};
  std::string covers = {};  // empty: the meter's own
  std::string rest = {};    // after the colon
};

using Open = std::function<std::unique_ptr<PowerMeter>(const Spec&, const MeterSurroundings&)>;

struct Kind {
  std::string name;
  bool is_automatic;  // needs nothing from the user
  bool takes_class;
  std::string default_class;
  std::string rest;  // what stands after the colon, for messages; empty: nothing may
  bool needs_rest;
  Open open;
};

[[noreturn]] void refuse(const std::string& text, const std::string& what,
                         const std::string& remedy) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "meter " + url_to_show(text),
               .what = what,
               .remedy = remedy});
}

std::vector<int> board_numbers(const Spec& spec) {
  std::vector<int> numbers;
  std::string_view rest = spec.rest;
  constexpr int64_t kMostGpuNumber = 4095;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const auto number = parse_number(rest.substr(0, comma));
    const bool last_is_empty = comma + 1 == rest.size();
    if (!number || *number > kMostGpuNumber || last_is_empty ||
        std::ranges::find(numbers, static_cast<int>(*number)) != numbers.end()) {
      refuse(spec.text, "that is no list of boards", fmt::format("write {}:0,1,2,3", spec.name));
    }
    numbers.push_back(static_cast<int>(*number));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return numbers;
}

Open tool(std::unique_ptr<PowerMeter> (*open)(const ToolMeterArgs&),
          std::string MeterSurroundings::*command) {
  return [open, command](const Spec& spec, const MeterSurroundings& surroundings) {
    return open({.command = surroundings.*command,
                 .seconds = surroundings.command_seconds,
                 .devices = board_numbers(spec)});
  };
}

std::unique_ptr<PowerMeter> open_prometheus(const Spec& spec,
                                            const MeterSurroundings& surroundings) {
  const size_t hash = spec.rest.find('#');
  PrometheusMeterArgs args = {.url = spec.rest.substr(0, hash), .covers = spec.covers};
  if (hash != std::string::npos) args.metric = spec.rest.substr(hash + 1);
  if (!args.url.starts_with("http://") && !args.url.starts_with("https://")) {
    refuse(spec.text, "the URL must begin with http:// or https://",
           "write prometheus:http://HOST:9400/metrics");
  }
  args.get = surroundings.http_get ? surroundings.http_get : http_get(surroundings.command_seconds);
  return open_prometheus_meter(args);
}

// In the order in which figures prefer them: counters of the device itself first.
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"nvml", true, false, "", "boards", false,
       [](const Spec& spec, const MeterSurroundings& surroundings) {
         return open_nvml_meter({.library = surroundings.nvml, .gpus = board_numbers(spec)});
       }},
      {"amd-smi", true, false, "", "boards", false,
       tool(open_amd_smi_meter, &MeterSurroundings::amd_smi)},
      {"npu-smi", true, false, "", "cards", false,
       tool(open_npu_smi_meter, &MeterSurroundings::npu_smi)},
      {"rapl", true, false, "", "", false,
       [](const Spec&, const MeterSurroundings& surroundings) {
         return open_rapl_meter(surroundings.powercap);
       }},
      {"hwmon", true, false, "", "", false,
       [](const Spec&, const MeterSurroundings& surroundings) {
         return open_hwmon_meter(surroundings.hwmon);
       }},
      {"ipmi", true, false, "", "", false, tool(open_ipmi_meter, &MeterSurroundings::ipmitool)},
      {"prometheus", false, true, "node", "URL[#METRIC]", true, open_prometheus},
      {"command", false, true, "wall", "CMD", true,
       [](const Spec& spec, const MeterSurroundings& surroundings) {
         return open_command_meter({.command = spec.rest,
                                    .covers = spec.covers,
                                    .seconds = surroundings.command_seconds});
       }},
      {"constant", false, true, "node", "WATTS", true,
       [](const Spec& spec, const MeterSurroundings&) {
         return open_constant_meter(spec.rest, spec.covers);
       }},
  };
  return all;
}

constexpr std::string_view kAuto = "auto";
constexpr std::string_view kNone = "none";

const Kind& kind_of(const Spec& spec) {
  const auto found = std::ranges::find(kinds(), spec.name, &Kind::name);
  if (found != kinds().end()) return *found;
  std::vector<std::string> names = {std::string(kAuto), std::string(kNone)};
  for (const Kind& kind : kinds()) names.push_back(kind.name);
  const std::string meant = nearest(spec.name, names);
  refuse(spec.text, "no such meter",
         meant.empty() ? fmt::format("there are {}", fmt::join(names, ", "))
                       : fmt::format("is \"{}\" meant?", meant));
}

Spec parse_spec(const std::string& text) {
  const size_t colon = std::min(text.find(':'), text.size());
  Spec spec = {.text = text, .name = text.substr(0, colon)};
  if (colon < text.size()) spec.rest = text.substr(colon + 1);
  const size_t at = spec.name.find('@');
  if (at != std::string::npos) {
    spec.covers = spec.name.substr(at + 1);
    spec.name.resize(at);
    if (std::ranges::find(meter_classes(), spec.covers) == meter_classes().end()) {
      const std::string meant = nearest(spec.covers, meter_classes());
      refuse(text, fmt::format("\"{}\" is nothing that a meter covers", printable(spec.covers, 40)),
             meant.empty() ? fmt::format("there are {}", fmt::join(meter_classes(), ", "))
                           : fmt::format("is \"{}\" meant?", meant));
    }
  }
  const bool is_word = spec.name == kAuto || spec.name == kNone;
  if (is_word) {
    if (spec.name != text) refuse(text, "nothing may follow", fmt::format("write {}", spec.name));
    return spec;
  }
  const Kind& kind = kind_of(spec);
  if (!spec.covers.empty() && !kind.takes_class) {
    refuse(text, fmt::format("{} says by itself what it covers", kind.name),
           fmt::format("write {}", kind.name));
  }
  if (spec.covers.empty()) spec.covers = kind.default_class;
  if (colon < text.size() && (kind.rest.empty() || spec.rest.empty())) {
    refuse(text, kind.rest.empty() ? "nothing may follow the colon" : "nothing follows the colon",
           kind.needs_rest ? fmt::format("write {}:{}", kind.name, kind.rest)
                           : fmt::format("write {}", kind.name));
  }
  if (kind.needs_rest && spec.rest.empty()) {
    refuse(text, "something is missing", fmt::format("write {}:{}", kind.name, kind.rest));
  }
  return spec;
}

// All that work here without a word from the user.
PowerMeters available_meters(const MeterSurroundings& surroundings) {
  PowerMeters found;
  for (const Kind& kind : kinds()) {
    if (!kind.is_automatic) continue;
    try {
      found.push_back(kind.open({.text = kind.name, .name = kind.name}, surroundings));
    } catch (const Error&) {
      // What a machine does not have is no fault; whoever names a meter hears why.
      continue;
    }
  }
  return found;
}

}  // namespace

PowerMeters open_meters(std::span<const std::string> specs, const MeterSurroundings& surroundings) {
  std::vector<Spec> parsed;
  for (const std::string& text : specs) parsed.push_back(parse_spec(text));
  for (const Spec& spec : parsed) {
    const auto same = [&](const Spec& other) { return other.text == spec.text; };
    if (std::ranges::count_if(parsed, same) > 1) {
      refuse(spec.text, "is given twice", "give each meter once");
    }
    if (spec.name == kNone && parsed.size() > 1) {
      refuse(spec.text, "stands beside other meters", "give it alone");
    }
  }
  // Two of one name would be one in the samples.
  std::map<std::string, int> named;
  PowerMeters meters;
  const auto add = [&](std::unique_ptr<PowerMeter> meter) {
    const std::string name = meter->description().name;
    const int number = ++named[name];
    if (number > 1) meter->rename(fmt::format("{}-{}", name, number));
    meters.push_back(std::move(meter));
  };
  for (const Spec& spec : parsed) {
    if (spec.name != kAuto && spec.name != kNone) add(kind_of(spec).open(spec, surroundings));
  }
  const auto is_auto = [](const Spec& spec) { return spec.name == kAuto; };
  if (std::ranges::any_of(parsed, is_auto)) {
    for (auto& meter : available_meters(surroundings)) {
      if (!named.contains(meter->description().name)) add(std::move(meter));
    }
  }
  return meters;
}

}  // namespace hadal
