#include "cli/page_planner.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/suggest.h"
#include "cli/plan_setup.h"
#include "json/python_json.h"
#include "plan/engine_traits.h"
#include "plan/plan_model.h"
#include "plan/plan_report.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// A search over so many devices takes some seconds at most.
constexpr int kMostDevices = 72;
constexpr const char* kWorkloads[] = {"8k1k", "1k1k", "1k8k", "agentx"};

const std::vector<OptionKey>& asked_options() {
  static const std::vector<OptionKey> keys = {
      option::kPlanModel, option::kHardwareList, option::kWorkload,    option::kInteractivity,
      option::kTtft,      option::kLongestGap,   option::kUsers,       option::kTokensPerDay,
      option::kBudget,    option::kMegawatts,    option::kSpeculation, option::kEngine,
      option::kWeeks,     option::kMostDevices,  option::kTier,        option::kEra,
      option::kPue,       option::kUtilisation,  option::kHorizon,     option::kLoadCurve,
      option::kTariff,    option::kSeasonPue,    option::kAssume};
  return keys;
}

[[noreturn]] void refuse(std::string_view name, const std::string& what,
                         const std::string& remedy = "") {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = printable(name, 40),
               .what = what,
               .remedy = remedy});
}

std::vector<std::string> words_of(const DashboardPlanner::Question& question) {
  std::vector<std::string> words = {"plan", "ask"};
  std::vector<std::string> known;
  for (const OptionKey& key : asked_options()) known.emplace_back(key.name);
  for (const auto& [name, value] : question) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string meant = nearest(name, known);
      refuse(name, "is nothing that this address knows",
             meant.empty() ? "" : "did you mean " + meant + "?");
    }
    const std::string option = "--" + name + "=";
    if (name != option::kAssume.name) {
      words.push_back(option + value);
      continue;
    }
    for (size_t begin = 0; begin <= value.size();) {
      const size_t end = std::min(value.find(',', begin), value.size());
      words.push_back(option + value.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return words;
}

// What the command line takes and a page must not: names of files.
void check_names(const ParsedLine& line, const HardwareCatalogue& catalogue) {
  const std::vector<std::string> models = plan_model_names();
  const std::string model = line.value(option::kPlanModel);
  if (std::find(models.begin(), models.end(), model) == models.end()) {
    refuse(option::kPlanModel.name, "'" + printable(model, 40) + "' is no model of this page",
           "/api/v1/planner lists them");
  }
  const std::vector<std::string> hardware = line.list(option::kHardwareList);
  if (hardware.size() != 1) {
    refuse(option::kHardwareList.name, "must be one key of the catalogue",
           "ask once for each of them");
  }
  const auto accelerators = catalogue.accelerators();
  if (std::none_of(accelerators.begin(), accelerators.end(),
                   [&](const Accelerator& a) { return a.key == hardware.front(); })) {
    refuse(option::kHardwareList.name,
           "'" + printable(hardware.front(), 40) + "' is no accelerator of the catalogue",
           "/api/v1/planner lists them");
  }
  if (line.value(option::kWorkload).ends_with(".jsonl")) {
    refuse(option::kWorkload.name, "must be lengths, and no file");
  }
  if (line.value(option::kMostDevices) > kMostDevices) {
    refuse(option::kMostDevices.name, "may be " + std::to_string(kMostDevices) + " here",
           "hadal plan ask searches further");
  }
}

ordered_json devices_json(const HardwareCatalogue& catalogue) {
  ordered_json list = ordered_json::array();
  for (const Accelerator& accelerator : catalogue.accelerators()) {
    const DeviceLimits device = device_limits(accelerator);
    const auto why = device.cannot_time() ? device.cannot_time() : device.cannot_fit();
    list.push_back({{"key", device.key},
                    {"name", device.name},
                    {"family", device_family_name(device.family)},
                    {"priced", !accelerator.prices.empty()},
                    {"cannot", why ? ordered_json(*why) : ordered_json()}});
  }
  return list;
}

ordered_json constants_json() {
  ordered_json list = ordered_json::array();
  for (const ConstantSpec& spec : constant_table()) {
    ordered_json values = ordered_json::object();
    for (size_t i = 0; i < kDeviceFamilies; ++i) {
      values[std::string(device_family_name(static_cast<DeviceFamily>(i)))] = spec.values[i];
    }
    list.push_back({{"name", spec.name},
                    {"unit", spec.unit},
                    {"values", std::move(values)},
                    {"low_factor", spec.low},
                    {"high_factor", spec.high},
                    {"meaning", spec.meaning},
                    {"source", spec.source}});
  }
  return list;
}

}  // namespace

std::string PagePlanner::choices_json() const {
  ordered_json parameters = ordered_json::array();
  for (const OptionKey& key : asked_options()) parameters.push_back(key.name);
  return dump_json({{"schema", "hadal.planner/1"},
                    {"parameters", std::move(parameters)},
                    {"models", plan_model_names()},
                    {"workloads", kWorkloads},
                    {"engines", known_engines()},
                    {"hardware", devices_json(HardwareCatalogue::built_in())},
                    {"most_devices", kMostDevices},
                    {"constants", constants_json()}}) +
         "\n";
}

std::string PagePlanner::plan_json(const Question& question) const {
  const ParsedLine line = parse_command_line(words_of(question));
  const HardwareCatalogue& catalogue = HardwareCatalogue::built_in();
  check_names(line, catalogue);
  const PlanQuestion asked = ask_question(line, catalogue);
  return hadal::plan_json(asked, answer_plan(asked, catalogue, PriceCatalogue::built_in()));
}

}  // namespace hadal
