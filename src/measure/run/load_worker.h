// One thread of a load: plays its sessions, sends their requests when they are due, and keeps what
// came back. Its connections outlive a load.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "measure/client/answer_stream.h"
#include "measure/client/http_loop.h"
#include "measure/run/load.h"
#include "measure/run/session_feed.h"
#include "measure/workload/session_walk.h"

namespace hadal {

// Counted by all workers of a load together.
struct LoadCounters {
  std::atomic<int64_t> started = 0;
  std::atomic<int64_t> ok = 0;
  std::atomic<int64_t> failed = 0;
  std::atomic<int64_t> in_flight = 0;
  std::atomic<int64_t> output_tokens = 0;
  std::atomic<int64_t> failures_in_row = 0;
};

class LoadWorker {
 public:
  explicit LoadWorker(const Endpoint& endpoint);

  struct Job {
    const LoadPlan* plan = nullptr;
    double origin = 0;
    int lanes = 0;       // closed loop
    int64_t offset = 0;  // open loop: of its first session, and from there every step-th
    int64_t step = 1;
    SessionFeed* feed = nullptr;
    LoadCounters* counters = nullptr;
  };

  // Until all is played or cut. Throws what the workload throws.
  void run(const Job& job);
  // From any thread: nothing more is sent, and what is in flight is cancelled.
  void cut();
  // From any thread: what has finished since the last call.
  LoadBatch drain();
  // After run().
  LoopLag take_lag();

 private:
  struct Session {
    int64_t key = 0;  // of sessions_
    int lane = -1;    // open loop: none
    FedSession fed = {};
    std::unique_ptr<SessionWalk> walk = {};
    struct Flight {
      std::unique_ptr<AnswerStream> stream = {};
      HttpLoop::TransferId transfer = 0;
    };
    std::unordered_map<int, Flight> flights = {};  // by place
    bool failed = false;
    double retry_after = 0;
  };

  double now() const { return monotonic_seconds() - job_.origin; }
  void begin_next(int lane);
  void begin(FedSession fed, int lane, double begins);
  void arrive(int64_t number);
  void drive(int64_t key);
  void send(Session& session, const DueRequest& due);
  void finish(int64_t key, int place, FinishedAnswer&& answer);
  void close_soon(int64_t key, int place);
  void end_session(int64_t key);
  bool is_finished();

  const Endpoint& endpoint_;
  HttpLoop loop_;
  Job job_;
  std::unordered_map<int64_t, std::unique_ptr<Session>> sessions_;
  int64_t next_key_ = 0;
  int64_t arriving_ = 0;            // open loop: sessions that have not begun
  std::vector<int> lane_failures_;  // in a row
  int resting_lanes_ = 0;           // that wait after a failure
  std::atomic<bool> cutting_ = false;
  bool has_cut_ = false;
  std::exception_ptr fault_;
  std::mutex mutex_;
  LoadBatch finished_;
};

}  // namespace hadal
