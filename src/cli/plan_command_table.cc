#include "cli/command_table.h"

namespace hadal {

const std::vector<CommandSpec>& plan_commands() {
  static const std::vector<CommandSpec> table = {
      {.id = Command::kPlanAsk,
       .group = "plan",
       .name = "ask",
       .summary = "What would it take here: deployments, cost, power, memory, what binds",
       .description =
           "Searches how the model is spread, how many requests run at a time and whether prefill "
           "has devices of its own, over all hardware of the catalogue or some of it, and prints "
           "the best by several objectives with everything that was assumed.",
       .examples = {"hadal plan --model flash --users 50",
                    "hadal plan --model pro --hardware b200,mi355x --interactivity 50",
                    "hadal plan --model pro --hardware b300 --tariff 0.12 --season-pue "
                    "1.1,1.2,1.35,1.2",
                    "hadal plan --model pro --workload trace.jsonl --budget 100 --json"}},
      {.id = Command::kPlanFleet,
       .group = "plan",
       .name = "fleet",
       .summary = "Simulate replicas under arriving requests: waits, failures, scaling, real cost",
       .description =
           "A discrete-event simulation of replicas of the deployment that hadal plan finds "
           "cheapest on one kind of hardware, with sessions of several turns, routing, failures "
           "and scaling. Figures are means over seeds with their 95 % interval.",
       .examples = {"hadal plan fleet --model flash --hardware h200 --rate 20 --replicas 4",
                    "hadal plan fleet --model flash --rate 20 --replicas 2 --most-replicas 8",
                    "hadal plan fleet --model flash --hardware h200 --rate 0.4 --scheduler hadal "
                    "--requests 5000"}},
      {.id = Command::kPlanValidate,
       .group = "plan",
       .name = "validate",
       .summary = "Hold the planner's predictions against what was measured",
       .description =
           "Predicts every published measurement of the project's collection, or of a file in the "
           "same form, and tells median, 90th percentile and worst of the errors by hardware, "
           "engine and era. Half of the curves calibrated the planner's constants; the other half "
           "is told apart.",
       .examples = {"hadal plan validate", "hadal plan validate --points points.json --json"}},
  };
  return table;
}

}  // namespace hadal
