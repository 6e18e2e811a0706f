// A measurement of about a minute with nothing to set: concurrency climbs until throughput stops
// growing or the objective breaks, and the points say the rest (metrics/verdict.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "measure/metrics/verdict.h"
#include "measure/run/measurement.h"

namespace hadal {

struct QuickChoice {
  std::string workload = {};  // lengths: "1024:128"
  double answer_seconds = 0;  // about, of one request alone
};

struct QuickOptions {
  double seconds = 60;  // about, for all of it
  ServiceObjective objective = {.ttft = 2, .tpot = 0.1};
  PointOptions point = {};  // its objective is replaced
  uint64_t seed = 0;
  int threads = 1;
  int64_t context_limit = 0;  // 0: what the endpoint says
  QuickChoice choice = {};    // without a workload: choose_quick_workload()
};

struct QuickOutcome {
  MeasureOutcome measured = {};
  EndpointVerdict verdict = {};
  std::string workload = {};  // as chosen: "1024:128"
};

// Lengths that answer in a second or two on this endpoint, if it is fast enough; one request is
// asked to find out.
QuickChoice choose_quick_workload(const Endpoint& endpoint, const QuickOptions& options);

// The plan as a JSON object; `options.choice` must be made.
std::string describe_quick_plan(const Endpoint& endpoint, const QuickOptions& options);

QuickOutcome measure_quick(const Endpoint& endpoint, const QuickOptions& options,
                           const RunningMeters& meters, MeasureObserver& observer,
                           const std::atomic<bool>& stop);

}  // namespace hadal
