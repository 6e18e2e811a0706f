// One session as it is played: which of its requests may be sent, and when. Knows the plan and is
// told what happens; has no clock and sends nothing.
#pragma once

#include <optional>
#include <vector>

#include "measure/workload/workload.h"

namespace hadal {

struct DueRequest {
  int place = 0;       // in PlannedSession::requests
  double instant = 0;  // seconds, on the clock of who plays; may lie in the past
};

class SessionWalk {
 public:
  // `begins`: the instant the session begins at. `session` must outlive the walk.
  SessionWalk(const PlannedSession& session, double begins);

  // The earliest of the requests whose prerequisites have all happened and that were not sent; none
  // where all wait for answers, and at the end.
  std::optional<DueRequest> next() const;

  // Each request is sent once, after next() gave it, and ends once. A request that failed has ended
  // too: a helper's failure does not stop its session.
  void sent(int place, double instant);
  void ended(int place, double instant);

  int in_flight() const { return in_flight_; }
  // Every request was sent and has ended.
  bool done() const { return ended_ == static_cast<int>(waiting_.size()); }

 private:
  struct Waiting {
    int for_events = 0;             // that must still happen
    double latest_event = 0;        // of those that have
    std::vector<int> on_end = {};   // requests that wait for this one's end
    std::vector<int> on_sent = {};  // or for its sending
    bool was_sent = false;
    bool has_ended = false;
  };
  void happened(const std::vector<int>& waiting, double instant);
  void make_ready(int place);

  const PlannedSession& session_;
  std::vector<Waiting> waiting_;
  std::vector<DueRequest> ready_;  // a heap, the earliest first
  int in_flight_ = 0;
  int ended_ = 0;
};

}  // namespace hadal
