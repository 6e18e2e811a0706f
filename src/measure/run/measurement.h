// A whole measurement: points of load one after the other on one server, each after a warm-up of
// its own, summed up and told to an observer as they come. Stores and prints nothing itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "measure/meters/engine_recorder.h"
#include "measure/meters/power_recorder.h"
#include "measure/metrics/point_options.h"
#include "measure/records.h"
#include "measure/run/endpoint.h"
#include "measure/run/load.h"
#include "measure/run/workload_choice.h"

namespace hadal {

struct MeasureOptions {
  WorkloadOptions workload = {};
  std::vector<int> concurrency = {};  // closed loop: a point each
  std::vector<double> rates = {};     // open loop, in place of it: sessions per second
  std::string arrivals = "poisson";   // as parse_arrivals has it, of open loop
  std::optional<int64_t> requests =
      {};  // sessions of a point; none: 10 × concurrency, or a minute's
  std::optional<double> longest = {};  // seconds of a point
  double request_timeout = 3600;       // seconds
  // Warm-up: sessions of it, or none: until rates settle.
  std::optional<int64_t> warm_up = {};
  int repeats = 1;
  int threads = 1;
  PointOptions point = {};
  // Of the first point; later ones go on from there. Points of different salts share no prompt.
  uint64_t first_salt = 0;
};

// Hears of everything as it happens, on the thread that measures.
class MeasureObserver {
 public:
  virtual ~MeasureObserver() = default;
  virtual void point_begins(const Load& /*load*/, int /*repeat*/, size_t /*number*/,
                            size_t /*of*/) {}
  virtual void progress(const Load& /*load*/, bool /*warm_up*/, const LoadProgress& /*progress*/) {}
  // Requests that have finished, warm-ups not among them.
  virtual void batch(const LoadBatch& /*batch*/) {}
  virtual void point_ends(const PointRecord& /*point*/, const PointSamples& /*samples*/) {}
};

struct MeasureOutcome {
  RunState state = RunState::kComplete;
  std::string reason = {};  // of another state, in words
  std::vector<PointRecord> points = {};
};

// Meters that are read while points are measured; the clock of both is monotonic_seconds().
struct RunningMeters {
  PowerRecorder* recorder = nullptr;  // running; null: there are none
  IdleBaseline idle = {};             // of before the load
  EngineRecorder* engine = nullptr;   // null: its own figures are not read
};

// `stop`: Ctrl-C.
MeasureOutcome measure(const Endpoint& endpoint, const MeasureOptions& options,
                       const RunningMeters& meters, MeasureObserver& observer,
                       const std::atomic<bool>& stop);

// The loads of `options` in their order, all of them once for each repeat: what changes on the
// machine meanwhile changes the repeats of a load, and their interval holds it.
std::vector<Load> planned_loads(const MeasureOptions& options);

// The resolved plan as a JSON object: what will be sent, to what, and by which rules.
std::string describe_plan(const Endpoint& endpoint, const MeasureOptions& options);

}  // namespace hadal
