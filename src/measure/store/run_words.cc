#include "measure/store/run_words.h"

#include <array>
#include <utility>

#include "base/check.h"

namespace hadal {
namespace {

template <typename Value, size_t kCount>
using Words = std::array<std::pair<Value, std::string_view>, kCount>;

constexpr Words<RunState, 5> kStates = {{{RunState::kRunning, "running"},
                                         {RunState::kComplete, "complete"},
                                         {RunState::kPartial, "partial"},
                                         {RunState::kFailed, "failed"},
                                         {RunState::kInvalid, "invalid"}}};
constexpr Words<GateVerdict, 3> kVerdicts = {{{GateVerdict::kNotRun, "not_run"},
                                              {GateVerdict::kPassed, "passed"},
                                              {GateVerdict::kFailed, "failed"}}};
constexpr Words<RequestPhase, 2> kPhases = {
    {{RequestPhase::kWarmUp, "warm_up"}, {RequestPhase::kMeasured, "measured"}}};
constexpr Words<RequestOutcome, 3> kOutcomes = {{{RequestOutcome::kOk, "ok"},
                                                 {RequestOutcome::kFailed, "failed"},
                                                 {RequestOutcome::kCancelled, "cancelled"}}};

template <typename Value, size_t kCount>
std::string_view word_of(const Words<Value, kCount>& words, Value value) {
  for (const auto& [known, word] : words) {
    if (known == value) return word;
  }
  HADAL_CHECK(false);
  return {};
}

template <typename Value, size_t kCount>
std::optional<Value> value_of(const Words<Value, kCount>& words, std::string_view text) {
  for (const auto& [known, word] : words) {
    if (word == text) return known;
  }
  return std::nullopt;
}

}  // namespace

std::string_view run_state_word(RunState state) { return word_of(kStates, state); }
std::string_view gate_verdict_word(GateVerdict verdict) { return word_of(kVerdicts, verdict); }
std::string_view request_phase_word(RequestPhase phase) { return word_of(kPhases, phase); }
std::string_view request_outcome_word(RequestOutcome outcome) {
  return word_of(kOutcomes, outcome);
}

std::string_view unfinished_point_warning(bool run_is_running) {
  return run_is_running ? "this point is being measured; it is summed up at its end"
                        : "the run ended before this point was summed up";
}

std::optional<RunState> run_state_of(std::string_view word) { return value_of(kStates, word); }
std::optional<GateVerdict> gate_verdict_of(std::string_view word) {
  return value_of(kVerdicts, word);
}
std::optional<RequestPhase> request_phase_of(std::string_view word) {
  return value_of(kPhases, word);
}
std::optional<RequestOutcome> request_outcome_of(std::string_view word) {
  return value_of(kOutcomes, word);
}

}  // namespace hadal
