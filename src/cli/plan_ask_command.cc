// hadal plan ask: the question is put together from the options.
#include <algorithm>
#include <fmt/format.h>

#include "base/files.h"
#include "cli/commands.h"
#include "cli/plan_setup.h"
#include "cli/terminal.h"
#include "plan/plan_report.h"
#include "plan/plan_workload.h"

namespace hadal {
namespace {

// The hit rate is an outcome: of the trace, and of what memory holds of it. A quarter more and less
// for what running requests take.
std::string trace_hits_text(const std::string& path, const PlanOption& option) {
  const PlanTrace trace(read_text_file(path, size_t{1} << 30), path);
  const Deployment& deployment = option.candidate.deployment;
  const double tokens = option.memory.tokens(deployment.model) * deployment.serve.spread.dp *
                        deployment.serve.workers * option.replicas;
  const double need = option.users / std::max(1.0, option.candidate.prediction.most_running);
  const double left = std::max(0.0, 1 - need) * tokens;
  return fmt::format(
      "\nPrefix hits of the trace: {:.1f} % where nothing is forgotten (assumed above); with what "
      "memory leaves beside running requests ({:.3g} tokens) {:.1f} % to {:.1f} %\n",
      100 * trace.shape_without_limit().hit, left, 100 * trace.shape(0.75 * left).hit,
      100 * trace.shape(1.25 * left).hit);
}

}  // namespace

int plan_ask_command(const ParsedLine& line) {
  if (line.has(option::kConstantTable)) {
    write_out(constants_text());
    return 0;
  }
  const HardwareCatalogue catalogue = plan_catalogue(line);
  const Constants constants = plan_constants(line);
  const PlanQuestion question = ask_question(line, catalogue);
  const PlanAnswer answer = answer_plan(question, catalogue, PriceCatalogue::built_in(), constants);
  if (const auto mark = line.get(option::kExplain)) {
    write_out(explain_number(question, answer, *mark));
  } else {
    write_out(line.has(option::kJson) ? plan_json(question, answer) : plan_text(question, answer));
    const std::string workload = line.value(option::kWorkload);
    if (workload.ends_with(".jsonl") && !line.has(option::kJson)) {
      write_out(trace_hits_text(workload, answer.picks.front().option));
    }
  }
  return 0;
}

}  // namespace hadal
