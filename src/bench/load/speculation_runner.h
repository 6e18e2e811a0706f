// An engine that guesses in one way and answers the same requests again and again: for measurements
// of several ways in turn. Counts what they came to; compares nothing.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "engine/engine.h"
#include "engine/simulated_acceptance.h"
#include "engine/speculation.h"
#include "model/v4/v4_model.h"

namespace hadal {

struct SpeculationRunnerArgs {
  const Checkpoint& checkpoint;
  const ModelOptions& model;
  int threads = 1;
  int batch = 1;  // requests at once
  int prompt_tokens = 0;
  int answer_tokens = 0;                        // at most
  std::function<GenerateRequest(int)> request;  // number 0 to batch - 1
  Speculation speculation = {};
  std::optional<SimulatedAcceptance> simulated = {};
};

// What decoding came to: prompts and first tokens are left out.
struct SpeculationRun {
  int64_t tokens = 0;
  double tokens_per_s = 0;
  double tokens_per_step = 0;  // of a request, as are:
  double drafts_per_step = 0;
  double step_seconds = 0;   // of the engine, which computes all requests at once
  double draft_seconds = 0;  // of the model's drafter, for each of its steps
  int64_t drafts = 0;        // times that some were checked
  std::array<int64_t, kMostDrafts> accepted_at = {};
  SpeculatorStatistics decisions = {};
};

class SpeculationRunner {
 public:
  // Answers once, which reads the weights for the first time and teaches the engine what steps
  // cost. Throws what Engine throws.
  explicit SpeculationRunner(SpeculationRunnerArgs args);

  // Answers all requests, again where they end before so many tokens as they may have together.
  SpeculationRun measure();

 private:
  double answer_all(int64_t& tokens);

  const SpeculationRunnerArgs args_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace hadal
