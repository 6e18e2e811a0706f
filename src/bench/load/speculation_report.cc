// What hadal bench speculation prints.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/load/speculation_bench.h"

namespace hadal {

std::string speculation_head_text(const SpeculationReport& report) {
  return fmt::format(
      "speculation with {}; {} {}, {} kernels, activations {}\n"
      "SIMULATED ACCEPTANCE: guesses by {} are kept as often as is wished, whatever the model "
      "says\n\n"
      "{:<20}{:>6}{:>8}{:>14}{:>12}{:>10}\n",
      report.model, report.threads, report.threads == 1 ? "thread" : "threads",
      isa_name(report.isa), policy_name(report.activations), report.drafter, "acceptance", "batch",
      "guesses", "tokens/step", "predicted", "measured");
}

std::string speculation_row_text(const SpeculationRow& row) {
  std::string text =
      fmt::format("{:<20}{:>6}{:>8}{:>14.2f}{:>12.2f}{:>10.2f}   {:.1f} tokens/s\n", row.acceptance,
                  row.batch, 0, 1.0, 1.0, 1.0, row.plain_tokens_per_s);
  const auto line = [&](const std::string& guesses, const SpeculationCell& cell) {
    text += fmt::format("{:<26}{:>8}{:>14.2f}{:>12.2f}{:>10.2f}", "", guesses, cell.tokens_per_step,
                        cell.predicted, cell.measured);
  };
  for (const SpeculationCell& cell : row.cells) {
    line(std::to_string(cell.drafts), cell);
    text += '\n';
  }
  line("auto", row.automatic);
  return text + fmt::format("   {:.2f} of the best\n", row.share_of_best());
}

std::string speculation_report_json(const SpeculationReport& report) {
  using Json = nlohmann::ordered_json;
  const auto cell_json = [](const SpeculationCell& cell) {
    return Json{{"drafts", cell.drafts},
                {"tokens_per_step", cell.tokens_per_step},
                {"predicted_gain", cell.predicted},
                {"measured_gain", cell.measured}};
  };
  Json rows = Json::array();
  for (const SpeculationRow& row : report.rows) {
    Json cells = Json::array();
    for (const SpeculationCell& cell : row.cells) cells.push_back(cell_json(cell));
    rows.push_back({{"simulated_acceptance", row.acceptance},
                    {"batch", row.batch},
                    {"plain_tokens_per_s", row.plain_tokens_per_s},
                    {"fixed", cells},
                    {"auto", cell_json(row.automatic)},
                    {"auto_share_of_best", row.share_of_best()}});
  }
  return Json{{"model", report.model},
              {"simulated", true},
              {"drafter", report.drafter},
              {"threads", report.threads},
              {"isa", isa_name(report.isa)},
              {"activations", policy_name(report.activations)},
              {"rows", rows}}
             .dump(2) +
         "\n";
}

}  // namespace hadal
