#include "cli/plan_setup.h"

#include "base/error.h"
#include "base/files.h"
#include "base/machine.h"
#include "plan/local_machine.h"
#include "plan/plan_workload.h"

namespace hadal {
namespace {

constexpr size_t kMostTraceBytes = size_t{1} << 30;

std::vector<DeviceLimits> devices_of(const ParsedLine& line, const HardwareCatalogue& catalogue) {
  std::vector<DeviceLimits> devices;
  for (const std::string& name : line.list(option::kHardwareList)) {
    if (name == "this") {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "--hardware this",
                   .what = "needs the rates of this machine",
                   .remedy = "measure them with hadal bench kernels --json > rates.json, then give "
                             "--hardware rates.json"});
    }
    if (name.ends_with(".json")) {
      constexpr size_t kMostBytes = size_t{16} << 20;
      const auto memory = static_cast<double>(least_memory(memory_bounds()).limit_bytes);
      devices.push_back(
          local_limits(read_machine_rates(read_text_file(name, kMostBytes), name), name, memory));
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
                        .era = line.get(option::kEra).value_or(""),
                        .tier = price_tier_of(line.value(option::kTier)).value(),
                        .most_devices = line.value(option::kMostDevices)};
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
  return question;
}

}  // namespace hadal
