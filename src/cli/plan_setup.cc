#include "cli/plan_setup.h"

#include <algorithm>
#include <fmt/format.h>
#include <span>

#include "base/error.h"
#include "base/files.h"
#include "cli/number_list.h"
#include "cli/this_machine.h"
#include "plan/plan_workload.h"

namespace hadal {
namespace {

constexpr size_t kMostTraceBytes = size_t{1} << 30;

std::vector<DeviceLimits> devices_of(const ParsedLine& line, const HardwareCatalogue& catalogue) {
  std::vector<DeviceLimits> devices;
  for (const std::string& name : line.list(option::kHardwareList)) {
    if (name == "this") {
      devices.push_back(measured_machine());
    } else if (name.ends_with(".json")) {
      devices.push_back(machine_of_file(name));
    } else {
      devices.push_back(find_device(catalogue, name));
    }
  }
  if (!devices.empty()) return devices;
  for (const Accelerator& accelerator : catalogue.accelerators()) {
    if (!accelerator.prices.empty()) devices.push_back(device_limits(accelerator));
  }
  return devices;
}

// As many numbers as one of `counts` says, each from `least` to `most`.
std::vector<double> option_numbers(const OptionKey& key, const std::vector<std::string>& words,
                                   std::span<const size_t> counts, double least, double most) {
  std::string allowed;
  for (const size_t count : counts) {
    allowed += (allowed.empty() ? "" : "or ") + fmt::format("{} ", count);
  }
  if (std::find(counts.begin(), counts.end(), words.size()) == counts.end()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--" + std::string(key.name),
                 .what = fmt::format("has {} numbers", words.size()),
                 .remedy = fmt::format("give {}numbers from {} to {} with commas between them",
                                       allowed, least, most)});
  }
  return numbers_of<double>(key, words, least, most, allowed);
}

LoadYear year_of(const ParsedLine& line) {
  constexpr size_t kDay[] = {24};
  constexpr size_t kOneOrDay[] = {1, 24};
  constexpr size_t kSeasons[] = {4, 12};
  LoadYear year;
  const auto numbers = [&](const ListKey& key, std::span<const size_t> counts, double least,
                           double most) -> std::vector<double> {
    if (!line.has(key)) return {};
    return option_numbers(key, line.list(key), counts, least, most);
  };
  year.load = numbers(option::kLoadCurve, kDay, 0, 1e12);
  if (!year.load.empty() && *std::max_element(year.load.begin(), year.load.end()) == 0) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--load-curve",
                 .what = "asks for nothing at any hour",
                 .remedy = "give at least one hour more than 0"});
  }
  year.usd_per_kwh = numbers(option::kTariff, kOneOrDay, 0, 100);
  year.pue = numbers(option::kSeasonPue, kSeasons, 1, 5);
  return year;
}

}  // namespace

HardwareCatalogue plan_catalogue(const ParsedLine& line) {
  HardwareCatalogue catalogue = HardwareCatalogue::built_in();
  if (const auto path = line.get(option::kCatalogue)) catalogue.read_file(*path);
  return catalogue;
}

Constants plan_constants(const ParsedLine& line) {
  Constants constants;
  for (const std::string& assignment : line.list(option::kAssume)) constants.set(assignment);
  return constants;
}

PlanQuestion plan_question(const ParsedLine& line, const HardwareCatalogue& catalogue) {
  constexpr double kDays = 7;
  PlanQuestion question{.model = load_plan_model(line.value(option::kPlanModel)),
                        .devices = devices_of(line, catalogue),
                        .engine = engine_traits(line.value(option::kEngine)),
                        .days = kDays * line.value(option::kWeeks),
                        .speculation = parse_speculation(line.value(option::kSpeculation)),
                        .workload = line.value(option::kWorkload),
                        .constants = plan_constants(line),
                        .interactivity = line.get(option::kInteractivity),
                        .ttft_s = line.get(option::kTtft),
                        .longest_gap_s = line.get(option::kLongestGap),
                        .era = line.get(option::kEra).value_or(""),
                        .tier = price_tier_of(line.value(option::kTier)).value(),
                        .most_devices = line.value(option::kMostDevices)};
  const bool processors =
      std::all_of(question.devices.begin(), question.devices.end(),
                  [](const DeviceLimits& device) { return device.family == DeviceFamily::kCpu; });
  if (processors && !line.has(option::kEngine)) question.engine = engine_traits("hadal");
  question.engine.memory_share =
      line.get(option::kMemoryShare).value_or(question.engine.memory_share);
  if (question.workload.ends_with(".jsonl")) {
    question.trace.emplace(read_text_file(question.workload, kMostTraceBytes), question.workload);
    question.shape = question.trace->shape_without_limit();
  } else {
    question.shape = parse_plan_workload(question.workload);
  }
  if (question.speculation.kind == AssumedDrafter::kDspark) use_dspark(question.model);
  return question;
}

PlanQuestion ask_question(const ParsedLine& line, const HardwareCatalogue& catalogue) {
  PlanQuestion question = plan_question(line, catalogue);
  question.users = line.get(option::kUsers);
  question.tokens_per_day = line.get(option::kTokensPerDay);
  question.budget_usd_per_hour = line.get(option::kBudget);
  question.facility_megawatts = line.get(option::kMegawatts);
  question.pue = line.get(option::kPue).value_or(catalogue.default_pue());
  if (const auto file = line.get(option::kCosts)) question.own = load_deployment_costs(*file);
  question.utilisation = line.value(option::kUtilisation);
  question.horizon_weeks = line.value(option::kHorizon);
  use_year(question, year_of(line));
  return question;
}

}  // namespace hadal
