// Takes sessions from a workload ahead of their time and writes the bodies of their first requests,
// on a thread of its own, so that the thread that keeps time and reads answers writes none.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "measure/run/endpoint.h"
#include "measure/workload/workload.h"

namespace hadal {

struct FedSession {
  int64_t number = 0;
  PlannedSession plan = {};
  std::string first_body = {};  // of plan.requests[0]
};

// The body of one planned request.
std::string planned_body(const Workload& workload, const Endpoint& endpoint,
                         const PlannedRequest& request);

class SessionFeed {
 public:
  struct Options {
    const Workload* workload = nullptr;
    const Endpoint* endpoint = nullptr;
    RequestPhase space = RequestPhase::kMeasured;
    // The numbers of the next sessions of all feeds that share it, and where they end.
    std::atomic<int64_t>* next = nullptr;
    int64_t end = 0;
    int64_t step = 1;     // of open loop: this feed takes every step-th session from `offset`
    int64_t offset = -1;  // -1: closed loop, numbers come from `next`
    size_t depth = 1;     // sessions that lie ready
    size_t most_bytes = size_t{256} << 20;  // of their bodies
  };

  explicit SessionFeed(Options options);
  ~SessionFeed();
  SessionFeed(const SessionFeed&) = delete;
  SessionFeed& operator=(const SessionFeed&) = delete;

  // The next session; waits for it where none lies ready. None: there are no more. Throws what the
  // workload threw.
  std::optional<FedSession> take();
  // Until as many lie ready as the depth allows, or there are no more.
  void wait_until_full();

 private:
  void run();
  std::optional<int64_t> next_number();
  bool is_full() const;

  Options options_;
  int64_t next_own_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<FedSession> ready_;
  size_t bytes_ = 0;
  bool finished_ = false;
  bool stopping_ = false;
  std::exception_ptr fault_;
  std::thread thread_;
};

}  // namespace hadal
