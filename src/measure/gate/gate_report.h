// What the correctness gate found: the verdict, each check with its figure and bound, and what the
// pattern of the differences suggests. As plain data, as JSON (hadal.gate/1) and in words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "measure/gate/canary_answer.h"
#include "measure/records.h"

namespace hadal {

enum class CheckOutcome {
  kPassed,
  kFailed,
  kNoted,       // a figure without a bound
  kNotChecked,  // the endpoint does not tell what it needs
};

struct GateCheck {
  std::string id = {};  // "level.scores", "onset", ...: docs/measuring.md
  CheckOutcome outcome = CheckOutcome::kNotChecked;
  std::optional<double> value = {};
  std::optional<double> bound = {};
  std::string text = {};  // one sentence
};

// The canaries of a group together.
struct GateGroup {
  std::string name = {};
  int canaries = 0;  // asked
  int answered = 0;
  int positions = 0;  // compared with log-probabilities
  std::optional<double> median_nats = {};
  std::optional<double> mean_nats = {};
  std::optional<double> divergence = {};   // nats a position
  std::optional<double> same_top = {};     // share of positions
  std::optional<double> honest_nats = {};  // the median between variants of the reference
  int first_bad_median = -1;               // of canaries that depart at all; -1: none does
  int departing = 0;                       // canaries with a position beyond kSameNats
};

struct GateReport {
  GateVerdict verdict = GateVerdict::kNotRun;
  std::string endpoint = {};
  EndpointTraits traits = {};
  std::string reference_model = {};
  std::string reference_checkpoint = {};
  double reference_recorded_unix = 0;
  std::string nearest_variant = {};  // of the reference
  bool same_engine = false;          // the endpoint is the engine that recorded the reference
  bool assumed_spread = false;  // one variant only: how far honest answers lie apart is assumed
  std::vector<GateCheck> checks = {};
  std::vector<GateGroup> groups = {};
  std::vector<std::string> diagnosis = {};
  std::vector<std::string> warnings = {};
};

// An object; `indent` as nlohmann::json has it, -1 for one line.
std::string gate_report_json(const GateReport& report, int indent = -1);
// For people: the verdict, then failures, then figures.
std::string gate_report_text(const GateReport& report);

}  // namespace hadal
