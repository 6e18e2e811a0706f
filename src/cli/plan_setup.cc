#include "cli/plan_setup.h"

#include "base/error.h"
#include "base/files.h"
#include "base/machine.h"
#include "plan/local_machine.h"
#include "plan/plan_workload.h"

namespace hadal {
namespace {

// Of a trace the hits of a cache that forgets nothing; what a machine's memory holds is told with
// the answer.
RequestShape workload_shape(const std::string& text) {
  constexpr size_t kMostBytes = size_t{1} << 30;
  if (!text.ends_with(".jsonl")) return parse_plan_workload(text);
  return PlanTrace(read_text_file(text, kMostBytes), text).shape_without_limit();
}

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
                        .shape = workload_shape(line.value(option::kWorkload)),
                        .workload = line.value(option::kWorkload),
                        .interactivity = line.get(option::kInteractivity),
                        .ttft_s = line.get(option::kTtft),
                        .era = line.get(option::kEra).value_or(""),
                        .tier = price_tier_of(line.value(option::kTier)).value(),
                        .most_devices = line.value(option::kMostDevices)};
  if (question.speculation.kind == AssumedDrafter::kDspark) {
    question.model.drafter = DrafterKind::kDspark;
    question.model.drafter_layers = 3;
  }
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
