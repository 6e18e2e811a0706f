// hadal plan ask: the question is put together from the options.
#include "cli/commands.h"
#include "cli/plan_setup.h"
#include "cli/terminal.h"
#include "plan/plan_report.h"

namespace hadal {

int plan_ask_command(const ParsedLine& line) {
  if (line.has(option::kConstantTable)) {
    write_out(constants_text());
    return 0;
  }
  const HardwareCatalogue catalogue = plan_catalogue(line);
  const PlanQuestion question = ask_question(line, catalogue);
  const PlanAnswer answer = answer_plan(question, catalogue, PriceCatalogue::built_in());
  if (const auto mark = line.get(option::kExplain)) {
    write_out(explain_number(question, answer, *mark));
  } else {
    write_out(line.has(option::kJson) ? plan_json(question, answer) : plan_text(question, answer));
  }
  return 0;
}

}  // namespace hadal
