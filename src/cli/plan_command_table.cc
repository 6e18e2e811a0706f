#include "cli/command_table.h"

namespace hadal {

const std::vector<CommandSpec>& plan_commands() {
  static const std::vector<CommandSpec> table = {
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
