// Puts a load on a server and keeps what came of it: closed loop (so many sessions at a time) or
// open loop (sessions begin at planned instants, whatever the server does). What is sent is the
// workload's business, what it means the metrics'.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "measure/records.h"
#include "measure/run/endpoint.h"
#include "measure/workload/workload.h"

namespace hadal {

class LoadWorker;

// What is known while a load runs.
struct LoadProgress {
  double elapsed = 0;  // seconds
  int64_t started = 0;
  int64_t ok = 0;
  int64_t failed = 0;
  int64_t in_flight = 0;
  int64_t output_tokens = 0;
  std::optional<int64_t> expected = {};  // requests of all sessions; none: not known
};

struct LoadPlan {
  const Workload* workload = nullptr;
  RequestPhase space = RequestPhase::kMeasured;  // kWarmUp: sessions of the warm-up's seed space
  int64_t first_session = 0;
  int64_t sessions = 0;  // at most
  // Closed loop: sessions at a time. 0: open loop.
  int concurrency = 0;
  std::vector<double> arrivals = {};   // open loop: seconds after the beginning, ascending
  std::optional<double> longest = {};  // seconds; then the rest is cut off
  double request_timeout = 3600;       // seconds
};

// Receives finished requests while a load runs, on the thread that called run(); `events` by place.
struct LoadBatch {
  std::vector<RequestRecord> requests = {};
  std::vector<std::vector<TokenStamp>> events = {};
};

class LoadGenerator {
 public:
  // The threads and their connections are kept from one load to the next.
  LoadGenerator(const Endpoint& endpoint, int threads);
  ~LoadGenerator();
  LoadGenerator(const LoadGenerator&) = delete;
  LoadGenerator& operator=(const LoadGenerator&) = delete;

  struct Hooks {
    std::function<void(const LoadProgress&)> progress = {};  // some times a second
    std::function<void(const LoadBatch&)> batch = {};
    // Asked some times a second, with what was measured so far: true ends the load as a cut does.
    std::function<bool(const PointSamples&)> enough = {};
    const std::atomic<bool>* stop = nullptr;  // Ctrl-C
  };

  struct Outcome {
    PointSamples samples = {};
    bool was_cut = false;  // by `longest`, `enough` or `stop`
    bool gave_up = false;  // nothing but failures came: the server is gone
    double origin = 0;     // of the point's clock, on the monotonic one
  };

  // Runs one load to its end. Requests in flight at a cut are recorded as cancelled.
  Outcome run(const LoadPlan& plan, const Hooks& hooks);

 private:
  const Endpoint& endpoint_;
  std::vector<std::unique_ptr<LoadWorker>> workers_;
};

}  // namespace hadal
