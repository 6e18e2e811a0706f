#include "measure/workload/session_walk.h"

#include <algorithm>

#include "base/as_size.h"
#include "base/check.h"

namespace hadal {
namespace {

bool is_later(const DueRequest& a, const DueRequest& b) {
  return a.instant != b.instant ? a.instant > b.instant : a.place > b.place;
}

}  // namespace

SessionWalk::SessionWalk(const PlannedSession& session, double begins)
    : session_(session), waiting_(session.requests.size()) {
  for (size_t i = 0; i < waiting_.size(); ++i) {
    const PlannedRequest& request = session.requests[i];
    const auto place = static_cast<int>(i);
    waiting_[i].for_events = static_cast<int>(request.after_end.size() + request.after_sent.size());
    waiting_[i].latest_event = begins;
    for (const int before : request.after_end) {
      HADAL_CHECK(before >= 0 && before < place);
      waiting_[as_size(before)].on_end.push_back(place);
    }
    for (const int before : request.after_sent) {
      HADAL_CHECK(before >= 0 && before < place);
      waiting_[as_size(before)].on_sent.push_back(place);
    }
    if (waiting_[i].for_events == 0) make_ready(place);
  }
}

void SessionWalk::make_ready(int place) {
  const double delay = session_.requests[as_size(place)].delay;
  ready_.push_back({.place = place, .instant = waiting_[as_size(place)].latest_event + delay});
  std::push_heap(ready_.begin(), ready_.end(), is_later);
}

std::optional<DueRequest> SessionWalk::next() const {
  if (ready_.empty()) return std::nullopt;
  return ready_.front();
}

void SessionWalk::happened(const std::vector<int>& waiting, double instant) {
  for (const int place : waiting) {
    Waiting& other = waiting_[as_size(place)];
    other.latest_event = std::max(other.latest_event, instant);
    if (--other.for_events == 0) make_ready(place);
  }
}

void SessionWalk::sent(int place, double instant) {
  HADAL_CHECK(!ready_.empty() && ready_.front().place == place);
  std::pop_heap(ready_.begin(), ready_.end(), is_later);
  ready_.pop_back();
  waiting_[as_size(place)].was_sent = true;
  ++in_flight_;
  happened(waiting_[as_size(place)].on_sent, instant);
}

void SessionWalk::ended(int place, double instant) {
  Waiting& request = waiting_[as_size(place)];
  HADAL_CHECK(request.was_sent && !request.has_ended);
  request.has_ended = true;
  --in_flight_;
  ++ended_;
  happened(request.on_end, instant);
}

}  // namespace hadal
