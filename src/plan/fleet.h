// A discrete-event simulation of many replicas under arriving requests: queues, prefills that hold
// decoding up, sessions whose history lies on the replica that served them last, failures, scaling
// with cold starts. Replicas are tables of speeds (from serving_model.h), one request after the
// other, or work step by step as replica_steps.h has it. Deterministic for a seed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plan/replica_steps.h"

namespace hadal {

// How a replica works.
struct ReplicaSpeed {
  // Seconds of one token for each of n sequences that decode at a time: n = 1, 2, ...; the last
  // entry is of the most that it takes. A request beyond that waits.
  std::vector<double> seconds_per_token = {};
  double prefill_tokens_per_s = 0;  // of fresh input; 0: input costs nothing
  bool prefill_stops_decoding = true;
};

enum class Routing {
  kRandom,
  kLeastLoaded,
  kAffinity,  // where the session was last, unless that is much busier than the others
};

enum class Lengths {
  kFixed,
  kExponential,
};

struct FleetLoad {
  double requests_per_s = 1;
  double burstiness = 1;   // squared coefficient of variation of times between requests; 1: Poisson
  double daily_swing = 0;  // 0 to 1: the rate is 1 + swing · sin over a day
  double input = 1000;     // mean tokens that a turn adds
  double output = 200;
  Lengths output_lengths = Lengths::kExponential;
  double turns = 1;          // mean turns of a session; each carries all that came before
  double think_seconds = 0;  // mean, between an answer and the session's next turn
};

struct FleetOptions {
  int replicas = 1;
  Routing routing = Routing::kLeastLoaded;
  double cache_tokens =
      0;  // of finished turns that a replica keeps, those used longest ago go first
  double hours_between_failures = 0;  // of one replica; 0: none
  double reload_seconds = 0;          // until a replica works again
  int spares = 0;                     // that take a failed one's place at once
  // Scaling: 0 keeps the replicas as they are.
  int most_replicas = 0;
  double cold_start_seconds = 0;
  double busy_target = 0.7;  // share of places
  double decide_seconds = 60;
  int64_t requests = 100000;
  double warm_up = 0.1;  // share of the requests that is not counted
  uint64_t seed = 1;
};

// What becomes of prefixes. The simulation asks it alone, so that the program's own index can be
// put in its place.
class PrefixKeeper {
 public:
  virtual ~PrefixKeeper() = default;
  // A turn of `session` starts on `replica` with `tokens` of history: how many are there.
  virtual double start(int replica, int64_t session, double tokens) = 0;
  // It ended, and its history is `tokens` long.
  virtual void finish(int replica, int64_t session, double tokens) = 0;
  // The replica lost its memory.
  virtual void lose(int replica) = 0;
};

// Whole sessions, those used longest ago go first.
std::unique_ptr<PrefixKeeper> session_keeper(double tokens_per_replica);

struct FleetResult {
  int64_t requests = 0;  // counted
  double seconds = 0;    // of them
  double wait_s = 0;     // mean, until prefill begins
  double ttft_s = 0;     // mean, and percentiles
  double ttft_p50_s = 0;
  double ttft_p99_s = 0;
  double total_s = 0;  // mean, from arrival to the last token
  double tpot_s = 0;   // mean, after the first token
  double tpot_p99_s = 0;
  double busy = 0;           // mean share of replicas' time with a request
  double hit = 0;            // share of input that was there
  double replica_hours = 0;  // paid: cold starts and spares too
  double tokens = 0;         // input and output of the counted requests
  int64_t restarted = 0;     // requests that a failure interrupted
  int64_t failures = 0;
  int64_t refused = 0;  // turns that no replica's memory holds; their sessions end
};

// What the program puts in the place of the simulation's own.
struct FleetParts {
  PrefixKeeper* keeper = nullptr;    // of prefixes; none: session_keeper()
  ReplicaFactory make_replica = {};  // of replicas, prefixes included; none: tables of speeds
  std::function<void(int64_t)> on_progress = {};  // requests that are done, now and then
};

// Throws Error kInvalidArgument for a load or options that make no sense.
FleetResult simulate_fleet(const ReplicaSpeed& speed, const FleetLoad& load,
                           const FleetOptions& options, const FleetParts& parts = {});

// Over several seeds: the mean, and half the width of its 95 % interval, which one value has not.
struct FleetInterval {
  double mean = 0;
  std::optional<double> half = {};
};
FleetInterval interval_of(const std::vector<double>& values);

}  // namespace hadal
