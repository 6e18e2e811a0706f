// hadal bench speculation: what guessing so many tokens a step gains on this machine, for simulated
// acceptance, beside what follows from the duration of plain steps of as many rows, measured in the
// same rounds; and how close the engine's own decision comes to the best fixed number.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/simulated_acceptance.h"
#include "engine/speculation.h"
#include "model/v4/v4_model.h"

namespace hadal {

struct SpeculationReport;

struct SpeculationBenchOptions {
  std::string name = {};  // of the model, for the report
  ModelOptions model = {};
  int threads = 1;
  std::vector<int> batches = {1, 4, 8};
  std::vector<int> drafts = {1, 2, 3, 4};
  // Of V4's MTP block on code with thinking, of the block drafter of V4-Pro-0813, and of none that
  // is right (SPEED-Bench, as InferenceX keeps them: 1.79, 2.27, 2.49, 2.54
  // and 1.84, 2.51, 3.01, 3.36 tokens a step for one to four guesses).
  std::vector<SimulatedAcceptance> acceptance = {{.survival = {0.79, 0.48, 0.22, 0.05}},
                                                 {.survival = {0.84, 0.67, 0.5, 0.35}},
                                                 {.survival = {0}}};
  static constexpr int kAnswerTokens = 64;
  int answer_tokens = kAnswerTokens;
  static constexpr int kRounds = 3;
  int rounds = kRounds;  // of all ways in turn, of which the median counts
  std::function<void(const std::string&)> progress = {};
  std::function<void(const SpeculationReport&)> row_done = {};  // its last row is new
};

// A number of guesses at a batch and an acceptance.
struct SpeculationCell {
  int drafts = 0;
  double tokens_per_step = 0;  // of a request, as it came out
  double predicted = 0;        // gain over none
  double measured = 0;
};

struct SpeculationRow {
  std::string acceptance = {};
  int batch = 0;
  double plain_tokens_per_s = 0;
  std::vector<SpeculationCell> cells = {};
  SpeculationCell automatic = {};  // drafts: rounded mean of a step
  // Of the best of the fixed numbers, none included.
  double share_of_best() const;
};

struct SpeculationReport {
  std::string model = {};
  std::string drafter = {};
  Isa isa = Isa::kRef;
  ActivationPolicy activations = ActivationPolicy::kInt8;
  int threads = 0;
  std::vector<SpeculationRow> rows = {};
};

// Throws what opening the model and starting an engine throw.
SpeculationReport bench_speculation(const std::filesystem::path& directory,
                                    const SpeculationBenchOptions& options);

// The report is the head and then each row, as they come.
std::string speculation_head_text(const SpeculationReport& report);
std::string speculation_row_text(const SpeculationRow& row);
std::string speculation_report_json(const SpeculationReport& report);

}  // namespace hadal
