// hadal plan ask: the question is put together from the options.
#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "cli/commands.h"
#include "cli/plan_setup.h"
#include "cli/terminal.h"
#include "plan/plan_report.h"
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
    devices.push_back(find_device(catalogue, name));
  }
  if (!devices.empty()) return devices;
  for (const Accelerator& accelerator : catalogue.accelerators()) {
    if (!accelerator.prices.empty()) devices.push_back(device_limits(accelerator));
  }
  return devices;
}

}  // namespace

int plan_ask_command(const ParsedLine& line) {
  if (line.has(option::kConstantTable)) {
    write_out(constants_text());
    return 0;
  }
  const HardwareCatalogue catalogue = plan_catalogue(line);
  const Constants constants = plan_constants(line);
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
                        .users = line.get(option::kUsers),
                        .tokens_per_day = line.get(option::kTokensPerDay),
                        .budget_usd_per_hour = line.get(option::kBudget),
                        .facility_megawatts = line.get(option::kMegawatts),
                        .era = line.get(option::kEra).value_or(""),
                        .tier = price_tier_of(line.value(option::kTier)).value(),
                        .pue = line.get(option::kPue).value_or(catalogue.default_pue()),
                        .most_devices = line.value(option::kMostDevices),
                        .utilisation = line.value(option::kUtilisation)};
  if (question.speculation.kind == SpeculationKind::kDspark) {
    question.model.drafter = DrafterKind::kDspark;
    question.model.drafter_layers = 3;
  }
  const PlanAnswer answer = answer_plan(question, catalogue, PriceCatalogue::built_in(), constants);
  if (const auto mark = line.get(option::kExplain)) {
    write_out(explain_number(question, answer, *mark));
  } else {
    write_out(line.has(option::kJson) ? plan_json(question, answer) : plan_text(question, answer));
  }
  return 0;
}

}  // namespace hadal
