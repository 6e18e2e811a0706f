#include "measure/run/session_feed.h"

#include <utility>

namespace hadal {

std::string planned_body(const Workload& workload, const Endpoint& endpoint,
                         const PlannedRequest& request) {
  return request_body(endpoint, workload.prompt(request, endpoint.style),
                      {.output_tokens = request.output_tokens, .ignore_eos = request.ignore_eos});
}

SessionFeed::SessionFeed(Options options)
    : options_(options), next_own_(options.offset), thread_([this] { run(); }) {}

SessionFeed::~SessionFeed() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool SessionFeed::is_full() const {
  return ready_.size() >= options_.depth || bytes_ >= options_.most_bytes;
}

std::optional<int64_t> SessionFeed::next_number() {
  int64_t number = 0;
  if (options_.offset < 0) {
    number = options_.next->fetch_add(1);
  } else {
    number = next_own_;
    next_own_ += options_.step;
  }
  if (number >= options_.end) return std::nullopt;
  return number;
}

void SessionFeed::run() {
  std::unique_lock lock(mutex_);
  try {
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !is_full(); });
      if (stopping_) return;
      const std::optional<int64_t> number = next_number();
      if (!number) break;
      lock.unlock();
      FedSession session{.number = *number,
                         .plan = options_.workload->session(*number, options_.space)};
      if (!session.plan.requests.empty()) {
        session.first_body =
            planned_body(*options_.workload, *options_.endpoint, session.plan.requests[0]);
      }
      lock.lock();
      bytes_ += session.first_body.size();
      ready_.push_back(std::move(session));
      changed_.notify_all();
    }
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    fault_ = std::current_exception();
  }
  finished_ = true;
  changed_.notify_all();
}

std::optional<FedSession> SessionFeed::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return finished_ || !ready_.empty(); });
  if (ready_.empty()) {
    if (fault_) std::rethrow_exception(fault_);
    return std::nullopt;
  }
  FedSession session = std::move(ready_.front());
  ready_.pop_front();
  bytes_ -= session.first_body.size();
  changed_.notify_all();
  return session;
}

void SessionFeed::wait_until_full() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return finished_ || is_full(); });
}

}  // namespace hadal
