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
  const Constants constants = plan_constants(line);
  PlanQuestion question = plan_question(line, catalogue);
  question.users = line.get(option::kUsers);
  question.tokens_per_day = line.get(option::kTokensPerDay);
  question.budget_usd_per_hour = line.get(option::kBudget);
  question.facility_megawatts = line.get(option::kMegawatts);
  question.pue = line.get(option::kPue).value_or(catalogue.default_pue());
  question.utilisation = line.value(option::kUtilisation);
  const PlanAnswer answer = answer_plan(question, catalogue, PriceCatalogue::built_in(), constants);
  if (const auto mark = line.get(option::kExplain)) {
    write_out(explain_number(question, answer, *mark));
  } else {
    write_out(line.has(option::kJson) ? plan_json(question, answer) : plan_text(question, answer));
  }
  return 0;
}

}  // namespace hadal
