#include "cli/options_table.h"

namespace hadal {

std::vector<const OptionSpec*> options_of(Command command) {
  std::vector<const OptionSpec*> found;
  const auto add = [&](const std::vector<OptionSpec>& table) {
    for (const OptionSpec& spec : table) {
      if (spec.commands.contains(command)) found.push_back(&spec);
    }
  };
#ifdef HADAL_WITH_ENGINE
  add(engine_options());
#endif
  add(measure_options());
  add(plan_options());
  return found;
}

}  // namespace hadal
