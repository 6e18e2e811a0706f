// Where the GPU-seconds of a run went: into prefill, into decoding, into what nobody claims, into
// waiting. Taken from what a server tells, from the roles of a disaggregated site, or estimated
// from first tokens; which of them, it says.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace hadal {

enum class PhaseBasis {
  kTold,          // by the server, as shares of its steps that do not overlap
  kProportional,  // by the server, as times of requests that overlap: only their ratio is used
  kByRole,        // prefill and decoding have GPUs of their own
  kEstimated,     // from the fastest first tokens that were seen
  kUnknown,       // not divided
};

// "told by the server", "in proportion to times of requests", "by the roles of GPUs", "estimated",
// "not known".
std::string_view phase_basis_name(PhaseBasis basis);

// In GPU-seconds. They add up to those of the run.
struct Phases {
  double prefill = 0;
  double cached_input = 0;  // bringing cached input back, where a server tells of it
  double decode = 0;
  double shared = 0;  // busy, and neither of them
  double idle = 0;
  PhaseBasis basis = PhaseBasis::kUnknown;

  double busy() const { return prefill + cached_input + decode + shared; }
  double all() const { return busy() + idle; }
};

struct RunTime {
  double seconds = 0;
  double idle_seconds = 0;  // of them, without a request
  int gpus = 0;
  // A disaggregated site; both 0: every GPU does both.
  int prefill_gpus = 0;
  int decode_gpus = 0;
};

// What is known of one request.
struct RequestTimes {
  std::optional<double> prefill_seconds = {};  // as its server tells them
  std::optional<double> decode_seconds = {};
  std::optional<double> first_token_after = {};  // seconds from sending
  int64_t computed_input_tokens = 0;             // not from a cache
  int64_t output_tokens = 0;
};

// When a request was under way, seconds on the run's clock.
struct RequestSpan {
  double sent = 0;
  double ended = 0;
};

// Seconds of [0, duration] in which no request was under way.
double idle_seconds(std::span<const RequestSpan> requests, double duration);

// From the best that is there. Told seconds are of the whole machine, and taken only if every
// request that gave tokens has both; where their sum is more than the machine was busy they
// overlap, and their ratio divides the busy time. The estimate: prefill runs at the speed of the
// quickest twentieth of first tokens (computed input tokens over seconds, which counts waiting as
// prefill and so tends to too much), and what it leaves of the busy time is decoding. Throws Error
// kInvalidArgument for times that are negative or not finite, and for no GPUs.
Phases split_phases(const RunTime& run, std::span<const RequestTimes> requests);

// The same run when only `utilisation` (above 0, at most 1) of the paid hours are busy: with as
// much idle time added as that takes. Nothing changes if it waited more than that already.
Phases at_utilisation(const Phases& phases, double utilisation);

}  // namespace hadal
