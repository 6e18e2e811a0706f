// What points at rising concurrency say of an endpoint: how many users it serves at which speed,
// and what keeps it from more, with the reasons for saying so. A pure function of the points'
// figures; words only, no chart.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "measure/records.h"

namespace hadal {

enum class Limit {
  kNotReached,       // throughput still grew at the greatest load
  kFailures,         // requests fail before it stops growing
  kClient,           // this machine could not ask or listen faster
  kServerSaturated,  // more users make each slower, and throughput no greater
  kQueueing,         // more users wait longer for their first token; then all is as fast as before
  kPrefill,          // reading the inputs takes all of the server's time
  kNetwork,          // the way there takes much of the time, whatever the load
  kObjective,        // the objective breaks before the server is full
};

// "server saturated", "queueing", ...
std::string_view limit_name(Limit limit);

struct VerdictOptions {
  double least_gain = 0.1;           // of throughput, for a doubling of users, to be worth it
  double objective_share = 0.9;      // of requests that must meet the objective
  std::optional<double> round_trip;  // seconds to the endpoint and back, where it was measured
};

struct EndpointVerdict {
  Limit limit = Limit::kNotReached;
  // The least concurrency whose throughput is within least_gain of the greatest; none where
  // throughput still grew.
  std::optional<int> knee = {};
  // The greatest concurrency up to which the objective held everywhere; none without an objective,
  // or where it never held.
  std::optional<int> most_within_objective = {};
  // What is to be recommended: the lesser of the two, or the greatest load tried. And there:
  int users = 0;
  std::optional<double> tokens_per_user_second = {};  // 1 / median TPOT
  std::optional<double> tokens_per_second = {};       // output of all
  std::optional<double> ttft = {};                    // seconds, median
  std::string headline = {};                          // one sentence
  std::vector<std::string> reasons = {};              // for the limit, in words with figures
  std::vector<std::string> next = {};                 // what to try
};

// `points` of closed loop in any order, one per concurrency (repeats combined; of several the
// first). Points without output rate say nothing but failures.
EndpointVerdict judge_endpoint(std::span<const PointRecord> points,
                               const VerdictOptions& options = {});

}  // namespace hadal
