#include "measure/run/load_worker.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

namespace hadal {

LoadWorker::LoadWorker(const Endpoint& endpoint) : endpoint_(endpoint), loop_(endpoint.http) {}

void LoadWorker::run(const Job& job) {
  job_ = job;
  cutting_ = false;
  has_cut_ = false;
  fault_ = nullptr;
  lane_failures_.assign(static_cast<size_t>(job.lanes), 0);
  resting_lanes_ = 0;
  loop_.reset_lag();
  for (int lane = 0; lane < job.lanes; ++lane) begin_next(lane);
  arriving_ = 0;
  if (job.lanes == 0) {
    for (int64_t i = job.offset; i < job.plan->sessions; i += job.step) ++arriving_;
    if (arriving_ > 0) arrive(job.offset);
  }
  loop_.run([this] { return is_finished(); });
  loop_.clear_timers();
  sessions_.clear();
  if (fault_) std::rethrow_exception(fault_);
}

void LoadWorker::cut() {
  cutting_ = true;
  loop_.wake();
}

bool LoadWorker::is_finished() {
  if (cutting_ && !has_cut_) {
    has_cut_ = true;
    loop_.cancel_all();
  }
  if (has_cut_) return loop_.in_flight() == 0;
  return sessions_.empty() && arriving_ == 0 && resting_lanes_ == 0;
}

// A lane of a closed loop takes its next session.
void LoadWorker::begin_next(int lane) {
  if (cutting_) return;
  try {
    if (std::optional<FedSession> fed = job_.feed->take()) begin(std::move(*fed), lane, now());
  } catch (...) {
    fault_ = std::current_exception();
    cut();
  }
}

// Begins session `number` of an open loop at its instant, then sees to the next.
void LoadWorker::arrive(int64_t number) {
  const double instant = job_.plan->arrivals[static_cast<size_t>(number)];
  loop_.at(job_.origin + instant, [this, number, instant] {
    if (cutting_) return;
    try {
      if (std::optional<FedSession> fed = job_.feed->take()) begin(std::move(*fed), -1, instant);
    } catch (...) {
      fault_ = std::current_exception();
      return cut();
    }
    --arriving_;
    if (arriving_ > 0) arrive(number + job_.step);
  });
}

void LoadWorker::begin(FedSession fed, int lane, double begins) {
  auto session = std::make_unique<Session>();
  session->key = next_key_++;
  session->lane = lane;
  session->fed = std::move(fed);
  session->walk = std::make_unique<SessionWalk>(session->fed.plan, begins);
  const int64_t key = session->key;
  sessions_.emplace(key, std::move(session));
  drive(key);
}

// Sends what is due of a session, and comes back for what is due later.
void LoadWorker::drive(int64_t key) {
  const auto found = sessions_.find(key);
  if (found == sessions_.end() || cutting_) return;
  Session& session = *found->second;
  try {
    while (const std::optional<DueRequest> due = session.walk->next()) {
      if (due->instant > now()) {
        loop_.at(job_.origin + due->instant, [this, key] { drive(key); });
        return;
      }
      send(session, *due);
    }
  } catch (...) {
    fault_ = std::current_exception();
    return cut();
  }
  if (session.walk->done()) end_session(key);
}

void LoadWorker::send(Session& session, const DueRequest& due) {
  const PlannedRequest& planned = session.fed.plan.requests[static_cast<size_t>(due.place)];
  RequestRecord record;
  record.index = planned.index;
  record.phase = planned.phase;
  const bool is_alone = session.fed.plan.requests.size() == 1;
  record.session = is_alone ? -1 : planned.session;
  record.turn = planned.turn;
  if (session.lane < 0) record.planned = due.instant;
  record.asked_input_tokens = planned.input_tokens;
  record.asked_output_tokens = planned.output_tokens;
  record.expected_cached_tokens = planned.expected_cached_tokens;
  std::string body = due.place == 0 ? std::move(session.fed.first_body)
                                    : planned_body(*job_.plan->workload, endpoint_, planned);
  const int64_t key = session.key;
  const int place = due.place;
  auto stream = std::make_unique<AnswerStream>(
      AnswerStream::Options{.origin = job_.origin,
                            .secrets = &endpoint_.secrets,
                            .told_done = [this, key, place] { close_soon(key, place); }},
      std::move(record),
      [this, key, place](FinishedAnswer&& answer) { finish(key, place, std::move(answer)); });
  const HttpLoop::TransferId transfer = loop_.start(
      {.url = endpoint_.url(), .body = std::move(body), .timeout = job_.plan->request_timeout},
      *stream);
  session.walk->sent(place, now());
  session.flights[place] = {.stream = std::move(stream), .transfer = transfer};
  job_.counters->started.fetch_add(1);
  job_.counters->in_flight.fetch_add(1);
}

// The answer is whole; a server that does not end it in a moment must not keep its lane.
void LoadWorker::close_soon(int64_t key, int place) {
  constexpr double kMoment = 0.05;  // seconds
  loop_.at(monotonic_seconds() + kMoment, [this, key, place] {
    const auto session = sessions_.find(key);
    if (session == sessions_.end()) return;
    const auto flight = session->second->flights.find(place);
    if (flight != session->second->flights.end()) loop_.cancel(flight->second.transfer);
  });
}

void LoadWorker::finish(int64_t key, int place, FinishedAnswer&& answer) {
  LoadCounters& counters = *job_.counters;
  counters.in_flight.fetch_sub(1);
  const RequestRecord& record = answer.record;
  const bool failed = record.outcome == RequestOutcome::kFailed;
  if (record.outcome == RequestOutcome::kOk) {
    counters.ok.fetch_add(1);
    counters.failures_in_row = 0;
  } else if (failed) {
    counters.failed.fetch_add(1);
    counters.failures_in_row.fetch_add(1);
  }
  counters.output_tokens.fetch_add(record.output_tokens.value_or(0));
  Session& session = *sessions_.at(key);
  session.failed = failed;
  session.retry_after = answer.retry_after;
  {
    const std::lock_guard lock(mutex_);
    finished_.requests.push_back(std::move(answer.record));
    finished_.events.push_back(std::move(answer.events));
  }
  session.walk->ended(place, now());
  // Its stream is still being called: it goes with the session, or with the next turn of the loop.
  loop_.at(0, [this, key, place] {
    if (const auto found = sessions_.find(key); found != sessions_.end()) {
      found->second->flights.erase(place);
      drive(key);
    }
  });
}

void LoadWorker::end_session(int64_t key) {
  const auto found = sessions_.find(key);
  const int lane = found->second->lane;
  const bool failed = found->second->failed;
  const double retry_after = found->second->retry_after;
  sessions_.erase(found);
  if (lane < 0) return;
  int& failures = lane_failures_[static_cast<size_t>(lane)];
  failures = failed ? failures + 1 : 0;
  if (failures == 0) return begin_next(lane);
  // A server that refuses is not hammered: as long as it asks for, otherwise longer each time.
  constexpr double kFirstRest = 0.05;
  constexpr double kLongestRest = 5;
  constexpr double kLongestAsked = 60;
  const double rest = retry_after > 0
                          ? std::min(retry_after, kLongestAsked)
                          : std::min(kLongestRest, kFirstRest * std::exp2(std::min(failures, 10)));
  ++resting_lanes_;
  loop_.at(monotonic_seconds() + rest, [this, lane] {
    --resting_lanes_;
    begin_next(lane);
  });
}

LoadBatch LoadWorker::drain() {
  const std::lock_guard lock(mutex_);
  return std::exchange(finished_, {});
}

LoopLag LoadWorker::take_lag() { return loop_.lag(); }

}  // namespace hadal
