// The words by which states, verdicts, phases and outcomes stand in the store, in documents and in
// what people read.
#pragma once

#include <optional>
#include <string_view>

#include "measure/records.h"

namespace hadal {

std::string_view run_state_word(RunState state);          // "running", "complete", …
std::string_view gate_verdict_word(GateVerdict verdict);  // "not_run", "passed", "failed"
std::string_view request_phase_word(RequestPhase phase);  // "warm_up", "measured"
std::string_view request_outcome_word(RequestOutcome outcome);

// What is said of a point whose figures are not there.
std::string_view unfinished_point_warning(bool run_is_running);

// Nothing for other words.
std::optional<RunState> run_state_of(std::string_view word);
std::optional<GateVerdict> gate_verdict_of(std::string_view word);
std::optional<RequestPhase> request_phase_of(std::string_view word);
std::optional<RequestOutcome> request_outcome_of(std::string_view word);

}  // namespace hadal
