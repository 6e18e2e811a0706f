#include "economics/phases.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"

namespace hadal {
namespace {

void require(bool condition, const char* where, const char* rule) {
  if (condition) return;
  throw Error({.code = ErrorCode::kInvalidArgument, .where = where, .what = rule});
}

bool is_time(double seconds) { return std::isfinite(seconds) && seconds >= 0; }

struct ToldSeconds {
  double prefill = 0;
  double decode = 0;
};

// None if a request that gave tokens is silent about either.
std::optional<ToldSeconds> told_seconds(std::span<const RequestTimes> requests) {
  ToldSeconds sum;
  bool any = false;
  for (const RequestTimes& request : requests) {
    if (!request.prefill_seconds || !request.decode_seconds) {
      if (request.output_tokens > 0) return std::nullopt;
      continue;
    }
    require(is_time(*request.prefill_seconds) && is_time(*request.decode_seconds), "a request",
            "has a prefill or decode time that is negative or not finite");
    any = true;
    sum.prefill += *request.prefill_seconds;
    sum.decode += *request.decode_seconds;
  }
  if (!any || !(sum.prefill + sum.decode > 0)) return std::nullopt;
  return sum;
}

// Seconds of prefill at the speed of the quickest first tokens; none if no request tells a speed.
std::optional<double> estimated_prefill(std::span<const RequestTimes> requests) {
  std::vector<double> speeds;
  double tokens = 0;
  for (const RequestTimes& request : requests) {
    const auto input = static_cast<double>(std::max<int64_t>(request.computed_input_tokens, 0));
    tokens += input;
    if (input > 0 && request.first_token_after && *request.first_token_after > 0) {
      speeds.push_back(input / *request.first_token_after);
    }
  }
  if (speeds.empty()) return std::nullopt;
  const size_t place = speeds.size() - 1 - speeds.size() / 20;
  std::ranges::nth_element(speeds, speeds.begin() + static_cast<std::ptrdiff_t>(place));
  return tokens / speeds[place];
}

}  // namespace

std::string_view phase_basis_name(PhaseBasis basis) {
  switch (basis) {
    case PhaseBasis::kTold:
      return "told by the server";
    case PhaseBasis::kProportional:
      return "in proportion to times of requests";
    case PhaseBasis::kByRole:
      return "by the roles of GPUs";
    case PhaseBasis::kEstimated:
      return "estimated";
    case PhaseBasis::kUnknown:
      break;
  }
  return "not known";
}

double idle_seconds(std::span<const RequestSpan> requests, double duration) {
  std::vector<RequestSpan> spans(requests.begin(), requests.end());
  std::erase_if(spans, [](const RequestSpan& span) { return !(span.ended > span.sent); });
  std::ranges::sort(spans, {}, &RequestSpan::sent);
  double idle = 0;
  double busy_until = 0;
  for (const RequestSpan& span : spans) {
    if (span.sent >= duration) break;
    idle += std::max(0.0, span.sent - busy_until);
    busy_until = std::max(busy_until, span.ended);
  }
  return idle + std::max(0.0, duration - busy_until);
}

Phases split_phases(const RunTime& run, std::span<const RequestTimes> requests) {
  require(is_time(run.seconds) && is_time(run.idle_seconds) && run.idle_seconds <= run.seconds,
          "a run", "must have a duration of at least 0, and not be idle for longer");
  require(run.gpus > 0 && run.prefill_gpus >= 0 && run.decode_gpus >= 0, "a run",
          "must have at least one GPU");
  const double busy = run.seconds - run.idle_seconds;
  Phases phases{.idle = run.idle_seconds * run.gpus};
  if (run.prefill_gpus > 0 && run.decode_gpus > 0) {
    require(run.prefill_gpus <= run.gpus - run.decode_gpus, "a run",
            "has more GPUs in its roles than GPUs");
    phases.prefill = busy * run.prefill_gpus;
    phases.decode = busy * run.decode_gpus;
    phases.shared = busy * (run.gpus - run.prefill_gpus - run.decode_gpus);
    phases.basis = PhaseBasis::kByRole;
    return phases;
  }
  if (const auto told = told_seconds(requests)) {
    const double sum = told->prefill + told->decode;
    const bool overlap = sum > busy * (1 + 1e-6);
    const double scale = std::min(1.0, busy / sum) * run.gpus;
    phases.prefill = told->prefill * scale;
    phases.decode = told->decode * scale;
    phases.shared = std::max(0.0, busy * run.gpus - phases.prefill - phases.decode);
    phases.basis = overlap ? PhaseBasis::kProportional : PhaseBasis::kTold;
    return phases;
  }
  if (const auto prefill = estimated_prefill(requests)) {
    phases.prefill = std::min(*prefill, busy) * run.gpus;
    phases.decode = busy * run.gpus - phases.prefill;
    phases.basis = PhaseBasis::kEstimated;
    return phases;
  }
  phases.shared = busy * run.gpus;
  return phases;
}

Phases at_utilisation(const Phases& phases, double utilisation) {
  require(utilisation > 0 && utilisation <= 1, "utilisation", "must be above 0 and at most 1");
  Phases out = phases;
  out.idle = std::max(phases.idle, phases.busy() / utilisation - phases.busy());
  return out;
}

}  // namespace hadal
