// The figures of one request: what of it has a right to exist and what has not. An answer of one
// token has no time per token, a clock that ran backwards measured nothing, and what is missing is
// never zero.
#pragma once

#include <optional>

#include "measure/records.h"

namespace hadal {

struct RequestFigures {
  // Seconds; metric_catalogue.h has the formulas. All are finite and not negative.
  std::optional<double> ttft = {};
  std::optional<double> ttft_answer = {};
  std::optional<double> ttft_from_plan = {};
  std::optional<double> tpot = {};
  std::optional<double> e2e = {};
  std::optional<double> e2e_from_plan = {};
  std::optional<double> e2e_per_output_token = {};
  std::optional<double> headers_delay = {};
  std::optional<double> schedule_delay = {};

  // Why some are missing.
  bool inconsistent = false;  // times out of order or not finite
  bool one_token = false;     // an answer of a single token: no TPOT
  bool in_one_piece = false;  // several tokens, all at the same instant: no TPOT
  bool no_tokens_told = false;
};

// Of a request that ended well; of another it tells the schedule delay alone.
RequestFigures figures_of(const RequestRecord& request);

// Seconds from one event of an answer to the next; none for a clock that ran backwards.
std::optional<double> gap_between(const TokenStamp& event, const TokenStamp& next);

// What an answer must keep to; thresholds in seconds, a missing one asks nothing.
struct ServiceObjective {
  std::optional<double> ttft = {};  // from the planned instant where there is one
  std::optional<double> ttft_answer = {};
  std::optional<double> tpot = {};
  std::optional<double> e2e = {};  // as ttft

  bool asks_something() const { return ttft || ttft_answer || tpot || e2e; }
};

// Whether the request ended well within all thresholds. An answer of one token is judged by the
// others, and is no success where there are none; any other figure that is missing where it is
// asked for is a failure: nothing shows that it was met.
bool meets(const ServiceObjective& objective, const RequestRecord& request,
           const RequestFigures& figures);

}  // namespace hadal
