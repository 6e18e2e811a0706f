#include "cli/options_table.h"

namespace hadal {

const std::vector<OptionSpec>& plan_options() {
  static const std::vector<OptionSpec> table = {
      {.key = option::kPoints,
       .value_name = "FILE",
       .fallback_note = "the project's collection",
       .help = "Measurements to hold against: a JSON array of rows, as data/README.md has them",
       .commands = Command::kPlanValidate},
      {.key = option::kAssume,
       .value_name = "NAME=VALUE",
       .fallback_note = "docs/planning.md lists them",
       .help = "Another value for one of the planner's constants, such as gemm_share.amd=0.4",
       .commands = Command::kPlanValidate},
      {.key = option::kCatalogue,
       .value_name = "FILE",
       .fallback_note = "the built-in one",
       .help = "Hardware of one's own, in the form of data/hardware.json or the same as TOML",
       .commands = Command::kPlanValidate},
      {.key = option::kJson, .help = "Print JSON", .commands = Command::kPlanValidate},
  };
  return table;
}

}  // namespace hadal
