#include "measure/run/load.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/machine.h"
#include "base/statistics.h"
#include "measure/run/load_worker.h"
#include "measure/run/session_feed.h"

namespace hadal {
namespace {

constexpr auto kLook = std::chrono::milliseconds(100);

// A client is taken for slow where its events lay unread, or its core was busy, for longer than
// this.
constexpr double kBusyShare = 0.85;
constexpr double kLongLag = 0.002;            // seconds, at the 99th percentile
constexpr double kLongScheduleDelay = 0.005;  // the same

void check_open_files(int64_t connections) {
  constexpr int64_t kOthers = 64;
  if (open_files_limit() >= connections + kOthers) return;
  throw Error({.code = ErrorCode::kResourceExhausted,
               .where = "--concurrency",
               .what = std::to_string(connections) + " connections at once are more than the " +
                       std::to_string(open_files_limit()) + " open files allowed",
               .remedy = "raise the limit (ulimit -n)"});
}

// All that workers bring, in one place.
void add(LoadBatch&& batch, PointSamples& samples) {
  std::move(batch.requests.begin(), batch.requests.end(), std::back_inserter(samples.requests));
  std::move(batch.events.begin(), batch.events.end(), std::back_inserter(samples.events));
}

double schedule_delay_p99(const std::vector<RequestRecord>& requests) {
  std::vector<double> delays;
  for (const RequestRecord& request : requests) {
    if (request.planned) delays.push_back(request.sent - *request.planned);
  }
  constexpr double kShare = 0.99;
  return delays.empty() ? 0 : quantile(std::move(delays), kShare);
}

std::string milliseconds(double seconds) {
  return std::to_string(std::llround(seconds * 1e3)) + " ms";
}

ClientLoad judge_client(const std::vector<LoopLag>& lags, const PointSamples& samples,
                        bool open_loop) {
  ClientLoad load;
  LoopLag all;
  for (const LoopLag& lag : lags) {
    all.merge(lag);
    if (lag.wall_seconds > 0) {
      load.cpu_share = std::max(load.cpu_share, lag.cpu_seconds / lag.wall_seconds);
    }
  }
  load.lag_counts = all.counts;
  constexpr double kShare = 0.99;
  load.lag_p99 = all.quantile(kShare);
  if (load.cpu_share > kBusyShare) {
    load.reasons.push_back("a thread of the client was busy " +
                           std::to_string(static_cast<int>(load.cpu_share * 100)) +
                           " % of the time; use more --client-threads");
  }
  if (load.lag_p99 > kLongLag) {
    load.reasons.push_back("1 % of events lay unread for up to " + milliseconds(load.lag_p99) +
                           " or longer");
  }
  if (open_loop) {
    load.schedule_delay_p99 = schedule_delay_p99(samples.requests);
    if (*load.schedule_delay_p99 > kLongScheduleDelay) {
      load.reasons.push_back("1 % of requests were sent " + milliseconds(*load.schedule_delay_p99) +
                             " or more after their planned instant");
    }
  }
  load.limited = !load.reasons.empty();
  return load;
}

// Requests of all sessions, where they are few enough to be counted beforehand.
std::optional<int64_t> expected_requests(const LoadPlan& plan) {
  constexpr int64_t kMostCounted = 2000;
  if (plan.sessions > kMostCounted) return std::nullopt;
  int64_t count = 0;
  for (int64_t i = 0; i < plan.sessions; ++i) {
    count += static_cast<int64_t>(
        plan.workload->session(plan.first_session + i, plan.space).requests.size());
  }
  return count;
}

}  // namespace

LoadGenerator::LoadGenerator(const Endpoint& endpoint, int threads) : endpoint_(endpoint) {
  for (int i = 0; i < threads; ++i) workers_.push_back(std::make_unique<LoadWorker>(endpoint));
}
LoadGenerator::~LoadGenerator() = default;

LoadGenerator::Outcome LoadGenerator::run(const LoadPlan& plan, const Hooks& hooks) {
  const bool open_loop = plan.concurrency == 0;
  HADAL_CHECK(!open_loop || static_cast<int64_t>(plan.arrivals.size()) >= plan.sessions);
  check_open_files(open_loop ? 0 : plan.concurrency);
  // A worker without lanes would take sessions and never play them.
  const auto threads = static_cast<int>(workers_.size()) <= plan.concurrency || open_loop
                           ? static_cast<int>(workers_.size())
                           : plan.concurrency;
  const std::optional<int64_t> expected = expected_requests(plan);
  std::atomic<int64_t> next_session = plan.first_session;
  const int64_t end = plan.first_session + plan.sessions;
  LoadCounters counters;
  std::vector<std::unique_ptr<SessionFeed>> feeds;
  std::vector<LoadWorker::Job> jobs;
  for (int i = 0; i < threads; ++i) {
    const int lanes =
        open_loop ? 0 : plan.concurrency / threads + (i < plan.concurrency % threads ? 1 : 0);
    constexpr size_t kOpenDepth = 64;
    feeds.push_back(std::make_unique<SessionFeed>(
        SessionFeed::Options{.workload = plan.workload,
                             .endpoint = &endpoint_,
                             .space = plan.space,
                             .next = &next_session,
                             .end = end,
                             .step = threads,
                             .offset = open_loop ? plan.first_session + i : -1,
                             .depth = open_loop ? kOpenDepth : static_cast<size_t>(lanes)}));
    jobs.push_back({.plan = &plan,
                    .lanes = lanes,
                    .offset = i,
                    .step = threads,
                    .feed = feeds.back().get(),
                    .counters = &counters});
  }
  for (const auto& feed : feeds) feed->wait_until_full();

  Outcome outcome;
  outcome.origin = monotonic_seconds();
  std::mutex mutex;
  std::condition_variable ended;
  int running = threads;
  std::exception_ptr fault;
  std::vector<std::thread> pool;
  for (int i = 0; i < threads; ++i) {
    LoadWorker::Job& job = jobs[static_cast<size_t>(i)];
    job.origin = outcome.origin;
    LoadWorker* worker = workers_[static_cast<size_t>(i)].get();
    pool.emplace_back([&, worker] {
      std::exception_ptr own;
      try {
        worker->run(job);
      } catch (...) {
        own = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      if (own && !fault) fault = own;
      --running;
      ended.notify_all();
    });
  }

  const auto collect = [&] {
    for (const auto& worker : workers_) {
      LoadBatch batch = worker->drain();
      if (batch.requests.empty()) continue;
      if (hooks.batch) hooks.batch(batch);
      add(std::move(batch), outcome.samples);
    }
  };
  const int64_t hopeless = std::max<int64_t>(20, 4 * int64_t{plan.concurrency});
  bool cutting = false;
  const auto cut = [&] {
    for (const auto& worker : workers_) worker->cut();
  };
  // True: the load is to end.
  const auto look = [&](bool has_fault) {
    collect();
    const double elapsed = monotonic_seconds() - outcome.origin;
    if (hooks.progress) {
      hooks.progress({.elapsed = elapsed,
                      .started = counters.started,
                      .ok = counters.ok,
                      .failed = counters.failed,
                      .in_flight = counters.in_flight,
                      .output_tokens = counters.output_tokens,
                      .expected = expected});
    }
    outcome.gave_up |= counters.failures_in_row >= hopeless;
    return outcome.gave_up || (plan.longest && elapsed >= *plan.longest) ||
           (hooks.stop != nullptr && *hooks.stop) || has_fault ||
           (hooks.enough && hooks.enough(outcome.samples));
  };
  std::exception_ptr own_fault;
  std::unique_lock lock(mutex);
  while (running > 0) {
    ended.wait_for(lock, kLook, [&] { return running == 0; });
    const bool has_fault = fault != nullptr;
    lock.unlock();
    try {
      if (!cutting && look(has_fault)) {
        cutting = true;
        outcome.was_cut = true;
        cut();
      }
    } catch (...) {
      // The threads must end before it goes on.
      own_fault = std::current_exception();
      cutting = true;
      cut();
    }
    lock.lock();
  }
  lock.unlock();
  for (std::thread& thread : pool) thread.join();
  if (own_fault) std::rethrow_exception(own_fault);
  if (fault) std::rethrow_exception(fault);
  collect();

  std::vector<LoopLag> lags;
  for (int i = 0; i < threads; ++i) lags.push_back(workers_[static_cast<size_t>(i)]->take_lag());
  PointSamples& samples = outcome.samples;
  for (const RequestRecord& request : samples.requests) {
    samples.duration = std::max(samples.duration, request.ended);
  }
  samples.client = judge_client(lags, samples, open_loop);
  return outcome;
}

}  // namespace hadal
