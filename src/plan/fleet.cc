#include "plan/fleet.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <queue>
#include <random>
#include <unordered_map>

#include "base/error.h"

namespace hadal {
namespace {

constexpr double kHour = 3600;
constexpr double kDay = 86400;
constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr int64_t kProgressRequests = 1000;

void require(bool condition, const char* where, const char* rule) {
  if (condition) return;
  throw Error({.code = ErrorCode::kInvalidArgument, .where = where, .what = rule});
}

void check(const ReplicaSpeed& speed, const FleetLoad& load, const FleetOptions& options) {
  require(!speed.seconds_per_token.empty(), "a replica", "must take at least one request");
  for (const double seconds : speed.seconds_per_token) {
    require(std::isfinite(seconds) && seconds > 0, "seconds per token", "must be above 0");
  }
  require(load.requests_per_s > 0 && std::isfinite(load.requests_per_s), "requests per second",
          "must be above 0");
  require(load.input >= 0 && load.output >= 1, "lengths", "must be 0 or more in, 1 or more out");
  require(load.burstiness > 0 && load.daily_swing >= 0 && load.daily_swing <= 1 && load.turns >= 1,
          "a load", "must have burstiness above 0, a swing of 0 to 1 and at least one turn");
  constexpr int kMost = 100000;
  require(options.replicas >= 1 && options.replicas <= kMost && options.most_replicas <= kMost,
          "replicas", "must be 1 to 100,000");
  require(options.requests >= 1 && options.warm_up >= 0 && options.warm_up < 1, "requests",
          "must be at least 1, and some must count");
}

struct Request {
  double arrival = 0;
  double began = -1;  // prefill
  double first = -1;  // token
  double input = 0;   // with the history
  double history = 0;
  double fresh = 0;
  double output = 0;
  int64_t session = 0;
  int turns_left = 0;
};

struct Decoding {
  double ends_at = 0;  // tokens that each sequence has had since the replica began
  uint32_t request = 0;
  bool operator>(const Decoding& other) const { return ends_at > other.ends_at; }
};

struct Replica {
  std::deque<uint32_t> waiting = {};
  std::vector<Decoding> decoding = {};  // a heap, the first to end in front
  double tokens = 0;                    // had by a sequence since the beginning
  double updated = 0;
  double prefill_ends = kNever;
  uint32_t prefilling = 0;
  double ready_at = 0;  // works from then on
  double busy_seconds = 0;
  double began = 0;  // is paid since then
  uint32_t epoch = 0;
  bool paid = false;

  // Where replicas work in steps, in place of the lists above.
  std::unique_ptr<ReplicaSteps> steps = {};
  std::vector<uint32_t> held = {};
  const ReplicaStep* step = nullptr;  // under way; belongs to `steps`

  size_t load() const {
    return held.size() + waiting.size() + decoding.size() + (prefill_ends < kNever ? 1 : 0);
  }
};

enum class EventKind : uint8_t { kArrival, kReplica, kFailure, kReady, kDecide, kTurn };

struct Event {
  double at = 0;
  EventKind kind = EventKind::kArrival;
  int32_t replica = 0;
  uint32_t epoch = 0;    // of a replica's event: stale where it has moved on
  uint32_t request = 0;  // kTurn
  bool operator>(const Event& other) const { return at > other.at; }
};

class Simulation {
 public:
  Simulation(const ReplicaSpeed& speed, const FleetLoad& load, const FleetOptions& options,
             const FleetParts& parts)
      : speed_(speed),
        load_(load),
        options_(options),
        parts_(parts),
        random_(options.seed),
        keeper_(parts.make_replica ? nullptr : parts.keeper) {
    if (keeper_ == nullptr && !parts.make_replica && options.cache_tokens > 0) {
      own_ = session_keeper(options.cache_tokens);
      keeper_ = own_.get();
    }
    spares_ = options.spares;
    const int most = std::max(options.replicas, options.most_replicas);
    replicas_.resize(static_cast<size_t>(most));
    for (int i = 0; i < options.replicas; ++i) activate(i, 0);
  }

  FleetResult run() {
    push({.at = until_next(), .kind = EventKind::kArrival});
    if (options_.most_replicas > options_.replicas) {
      push({.at = options_.decide_seconds, .kind = EventKind::kDecide});
    }
    while (!events_.empty() && done_ < options_.requests) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      handle(event);
      if (parts_.on_progress && done_ >= told_ + kProgressRequests) {
        told_ = done_;
        parts_.on_progress(done_);
      }
    }
    return result();
  }

 private:
  void push(const Event& event) { events_.push(event); }

  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  double exponential(double mean) {
    return mean <= 0 ? 0 : std::exponential_distribution<double>(1 / mean)(random_);
  }

  // Gamma, of which a Poisson process is the case of 1; new sessions, at the rate of the hour.
  double until_next() {
    const double swing = 1 + load_.daily_swing * std::sin(2 * M_PI * now_ / kDay);
    const double mean = load_.turns / (load_.requests_per_s * std::max(swing, 1e-6));
    if (load_.burstiness == 1) return exponential(mean);
    const double shape = 1 / load_.burstiness;
    return std::gamma_distribution<double>(shape, mean / shape)(random_);
  }

  double output_tokens() {
    return load_.output_lengths == Lengths::kFixed ? load_.output : exponential(load_.output);
  }

  void handle(const Event& event) {
    switch (event.kind) {
      case EventKind::kArrival:
        push({.at = now_ + until_next(), .kind = EventKind::kArrival});
        arrive();
        break;
      case EventKind::kTurn:
        route(event.request);
        break;
      case EventKind::kReplica:
        if (event.epoch == replica(event.replica).epoch) advance(event.replica);
        break;
      case EventKind::kFailure:
        fail(event.replica);
        break;
      case EventKind::kReady:
        if (event.epoch == replica(event.replica).epoch) advance(event.replica);
        break;
      case EventKind::kDecide:
        push({.at = now_ + options_.decide_seconds, .kind = EventKind::kDecide});
        scale();
        break;
    }
  }

  Replica& replica(int index) { return replicas_[static_cast<size_t>(index)]; }

  uint32_t take_slot() {
    if (!free_.empty()) {
      const uint32_t slot = free_.back();
      free_.pop_back();
      return slot;
    }
    requests_.emplace_back();
    return static_cast<uint32_t>(requests_.size() - 1);
  }

  void arrive() {
    const uint32_t slot = take_slot();
    Request request{.arrival = now_, .input = load_.input, .session = next_session_++};
    request.output = output_tokens();
    if (load_.turns > 1) {
      // Geometric with that mean.
      while (uniform() < 1 - 1 / load_.turns) ++request.turns_left;
    }
    requests_[slot] = request;
    route(slot);
  }

  int choose(const Request& request) {
    const auto alive = [&](int i) { return replica(i).paid && replica(i).ready_at <= now_; };
    if (active_.empty()) return -1;
    const auto any = [&] {
      return active_[static_cast<size_t>(uniform() * static_cast<double>(active_.size()))];
    };
    if (options_.routing == Routing::kRandom) {
      for (int tries = 0; tries < 16; ++tries) {
        if (const int i = any(); alive(i)) return i;
      }
    }
    if (options_.routing == Routing::kAffinity) {
      if (const auto last = last_replica_.find(request.session); last != last_replica_.end()) {
        constexpr size_t kMuch = 4;
        const int i = last->second;
        if (alive(i) && replica(i).load() <= least_loaded_load() + kMuch) return i;
      }
    }
    int best = -1;
    for (const int i : active_) {
      if (alive(i) && (best < 0 || replica(i).load() < replica(best).load())) best = i;
    }
    return best < 0 ? any() : best;
  }

  size_t least_loaded_load() {
    size_t least = std::numeric_limits<size_t>::max();
    for (const int i : active_) least = std::min(least, replica(i).load());
    return least;
  }

  void route(uint32_t slot) {
    const int index = choose(requests_[slot]);
    if (index < 0) {
      homeless_.push_back(slot);
      return;
    }
    Replica& r = replica(index);
    if (!parts_.make_replica) {
      r.waiting.push_back(slot);
    } else if (!submit(r, slot)) {
      refuse(slot);
      return;
    }
    advance(index);
  }

  bool submit(Replica& r, uint32_t slot) {
    if (r.steps == nullptr) r.steps = parts_.make_replica();
    const Request& request = requests_[slot];
    if (!r.steps->submit({.request = slot,
                          .session = request.session,
                          .input = request.input,
                          .output = request.output})) {
      return false;
    }
    r.held.push_back(slot);
    return true;
  }

  void refuse(uint32_t slot) {
    ++done_;
    ++sums_.refused;
    last_replica_.erase(requests_[slot].session);
    free_.push_back(slot);
  }

  // Ends the step that is due, if any, and begins the next.
  void advance_steps(int index) {
    Replica& r = replica(index);
    if (r.step != nullptr) {
      if (now_ < r.updated + r.step->seconds) return;  // an arrival within the step
      r.busy_seconds += r.step->seconds;
      for (const uint32_t slot : r.step->first_tokens) requests_[slot].first = now_;
      for (const uint32_t slot : r.step->ended) {
        std::erase(r.held, slot);
        finish(index, slot);
      }
      r.step = nullptr;
    }
    if (r.steps == nullptr) return;
    const ReplicaStep& step = r.steps->step();
    if (step.seconds <= 0) return;
    for (const ReplicaStep::Beginning& beginning : step.beginnings) {
      Request& request = requests_[beginning.request];
      request.began = now_;
      request.fresh = request.input - std::min(request.input, beginning.cached_tokens);
    }
    r.step = &step;
    r.updated = now_;
    push({.at = now_ + step.seconds,
          .kind = EventKind::kReplica,
          .replica = index,
          .epoch = ++r.epoch});
  }

  double seconds_per_token(size_t sequences) const {
    const auto& table = speed_.seconds_per_token;
    return table[std::min(sequences, table.size()) - 1];
  }

  // Brings the replica to `now_`: tokens, ends of prefills and answers; starts what can start.
  void advance(int index) {
    Replica& r = replica(index);
    if (!r.paid || r.ready_at > now_) return;
    if (parts_.make_replica) {
      advance_steps(index);
      return;
    }
    const double passed = now_ - r.updated;
    const bool prefilling = r.prefill_ends < kNever;
    if (passed > 0 && (prefilling || !r.decoding.empty())) r.busy_seconds += passed;
    const bool stopped = prefilling && speed_.prefill_stops_decoding;
    if (!stopped && !r.decoding.empty()) r.tokens += passed / seconds_per_token(r.decoding.size());
    r.updated = now_;
    constexpr double kSlack = 1e-9;
    if (prefilling && r.prefill_ends <= now_ + kSlack) end_prefill(r);
    // To the nanosecond: finer steps than the clock has would never end.
    while (!r.decoding.empty() &&
           (r.decoding.front().ends_at - r.tokens) * seconds_per_token(r.decoding.size()) <=
               kSlack + 1e-14 * now_) {
      const uint32_t slot = r.decoding.front().request;
      std::pop_heap(r.decoding.begin(), r.decoding.end(), std::greater<>());
      r.decoding.pop_back();
      finish(index, slot);
    }
    start_next(index, r);
    schedule(index, r);
  }

  void end_prefill(Replica& r) {
    Request& request = requests_[r.prefilling];
    request.first = now_;
    r.prefill_ends = kNever;
    r.decoding.push_back({r.tokens + request.output, r.prefilling});
    std::push_heap(r.decoding.begin(), r.decoding.end(), std::greater<>());
  }

  void start_next(int index, Replica& r) {
    while (!r.waiting.empty() && r.prefill_ends == kNever &&
           r.decoding.size() < speed_.seconds_per_token.size()) {
      const uint32_t slot = r.waiting.front();
      r.waiting.pop_front();
      Request& request = requests_[slot];
      request.began = now_;
      const double there =
          keeper_ == nullptr ? 0 : keeper_->start(index, request.session, request.history);
      request.fresh = request.input - there;
      r.prefilling = slot;
      r.prefill_ends =
          now_ +
          (speed_.prefill_tokens_per_s > 0 ? request.fresh / speed_.prefill_tokens_per_s : 0);
      if (r.prefill_ends > now_) break;
      end_prefill(r);
    }
  }

  void schedule(int index, Replica& r) {
    double next = r.prefill_ends;
    const bool stopped = r.prefill_ends < kNever && speed_.prefill_stops_decoding;
    if (!stopped && !r.decoding.empty()) {
      const double left = std::max(0.0, r.decoding.front().ends_at - r.tokens);
      next = std::min(next, now_ + left * seconds_per_token(r.decoding.size()));
    }
    ++r.epoch;
    if (next < kNever) {
      push({.at = next, .kind = EventKind::kReplica, .replica = index, .epoch = r.epoch});
    }
  }

  void finish(int index, uint32_t slot) {
    Request& request = requests_[slot];
    count(request);
    const double length = request.input + request.output;
    if (keeper_ != nullptr) keeper_->finish(index, request.session, length);
    if (request.turns_left == 0) {
      last_replica_.erase(request.session);
      free_.push_back(slot);
      return;
    }
    if (options_.routing == Routing::kAffinity) last_replica_[request.session] = index;
    const double then = now_ + exponential(load_.think_seconds);
    Request next{.arrival = then,
                 .input = length + load_.input,
                 .history = length,
                 .session = request.session,
                 .turns_left = request.turns_left - 1};
    next.output = output_tokens();
    request = next;
    push({.at = then, .kind = EventKind::kTurn, .request = slot});
  }

  void count(const Request& request) {
    ++done_;
    const auto skipped =
        static_cast<int64_t>(options_.warm_up * static_cast<double>(options_.requests));
    if (done_ <= skipped) return;
    if (counted_from_ < 0) counted_from_ = now_;
    sums_.wait_s += request.began - request.arrival;
    sums_.total_s += now_ - request.arrival;
    ttft_.push_back(static_cast<float>(request.first - request.arrival));
    if (request.output > 1) {
      tpot_.push_back(static_cast<float>((now_ - request.first) / request.output));
    }
    sums_.tokens += request.input + request.output;
    input_ += request.input;
    fresh_ += request.fresh;
    ++sums_.requests;
  }

  void activate(int index, double ready_after) {
    Replica& r = replica(index);
    r.paid = true;
    r.began = now_;
    r.ready_at = now_ + ready_after;
    r.updated = r.ready_at;
    ++r.epoch;
    active_.push_back(index);
    if (ready_after > 0) {
      push({.at = r.ready_at, .kind = EventKind::kReady, .replica = index, .epoch = r.epoch});
    }
    if (options_.hours_between_failures > 0) {
      push({.at = r.ready_at + exponential(kHour * options_.hours_between_failures),
            .kind = EventKind::kFailure,
            .replica = index});
    }
    std::vector<uint32_t> moved;
    std::swap(moved, homeless_);
    for (const uint32_t slot : moved) route(slot);
  }

  // What it had goes to the others, and begins again.
  void fail(int index) {
    Replica& r = replica(index);
    if (!r.paid) return;
    ++sums_.failures;
    std::vector<uint32_t> lost(r.waiting.begin(), r.waiting.end());
    for (const Decoding& decoding : r.decoding) lost.push_back(decoding.request);
    if (r.prefill_ends < kNever) lost.push_back(r.prefilling);
    sums_.restarted += static_cast<int64_t>(lost.size() - r.waiting.size());
    for (const uint32_t slot : r.held) {
      if (requests_[slot].began >= 0) ++sums_.restarted;
      lost.push_back(slot);
    }
    r.held.clear();
    r.step = nullptr;
    r.steps.reset();
    r.waiting.clear();
    r.decoding.clear();
    r.prefill_ends = kNever;
    if (keeper_ != nullptr) keeper_->lose(index);
    // A spare is ready at once; the failed one becomes a spare when it is loaded again, which its
    // own reload stands for.
    const bool spared = spares_ > 0;
    r.ready_at = now_ + (spared ? 0 : options_.reload_seconds);
    r.updated = r.ready_at;
    ++r.epoch;
    push({.at = r.ready_at, .kind = EventKind::kReady, .replica = index, .epoch = r.epoch});
    push({.at = r.ready_at + exponential(kHour * options_.hours_between_failures),
          .kind = EventKind::kFailure,
          .replica = index});
    for (const uint32_t slot : lost) {
      requests_[slot].began = -1;
      route(slot);
    }
  }

  void scale() {
    double used = 0;
    for (const int i : active_) used += static_cast<double>(replica(i).load());
    const double places = static_cast<double>(speed_.seconds_per_token.size());
    const int wanted =
        std::clamp(static_cast<int>(std::ceil(used / (places * options_.busy_target))),
                   options_.replicas, options_.most_replicas);
    for (int i = 0; static_cast<int>(active_.size()) < wanted; ++i) {
      if (!replica(i).paid) activate(i, options_.cold_start_seconds);
    }
    // Only what is empty goes.
    for (size_t i = active_.size(); i-- > 0 && static_cast<int>(active_.size()) > wanted;) {
      Replica& r = replica(active_[i]);
      if (r.load() > 0) continue;
      r.steps.reset();
      pay(r);
      r.paid = false;
      ++r.epoch;
      if (keeper_ != nullptr) keeper_->lose(active_[i]);
      active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  void pay(Replica& r) {
    paid_seconds_ += now_ - r.began;
    busy_seconds_ += r.busy_seconds;
    r.busy_seconds = 0;
  }

  FleetResult result() {
    for (const int i : active_) pay(replica(i));
    FleetResult all = sums_;
    const auto n = static_cast<double>(std::max<int64_t>(1, all.requests));
    all.seconds = now_ - std::max(0.0, counted_from_);
    all.wait_s /= n;
    all.total_s /= n;
    const auto mean = [](const std::vector<float>& values) {
      double sum = 0;
      for (const float value : values) sum += value;
      return values.empty() ? 0 : sum / static_cast<double>(values.size());
    };
    const auto rank = [](std::vector<float>& values, double share) -> double {
      if (values.empty()) return 0;
      const auto place = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
      std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place),
                       values.end());
      return values[place];
    };
    all.ttft_s = mean(ttft_);
    all.tpot_s = mean(tpot_);
    all.ttft_p50_s = rank(ttft_, 0.5);
    all.ttft_p99_s = rank(ttft_, 0.99);
    all.tpot_p99_s = rank(tpot_, 0.99);
    all.busy = paid_seconds_ > 0 ? busy_seconds_ / paid_seconds_ : 0;
    all.hit = input_ > 0 ? 1 - fresh_ / input_ : 0;
    all.replica_hours = (paid_seconds_ + options_.spares * now_) / kHour;
    return all;
  }

  const ReplicaSpeed& speed_;
  const FleetLoad& load_;
  const FleetOptions& options_;
  const FleetParts& parts_;
  std::mt19937_64 random_;
  std::unique_ptr<PrefixKeeper> own_;
  PrefixKeeper* keeper_;
  double now_ = 0;
  int spares_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<Replica> replicas_;
  std::vector<int> active_;
  std::vector<Request> requests_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> homeless_;
  std::unordered_map<int64_t, int> last_replica_;
  int64_t next_session_ = 0;
  int64_t done_ = 0;
  int64_t told_ = 0;
  double counted_from_ = -1;
  double paid_seconds_ = 0;
  double busy_seconds_ = 0;
  double input_ = 0;
  double fresh_ = 0;
  std::vector<float> ttft_;
  std::vector<float> tpot_;
  FleetResult sums_;
};

}  // namespace

FleetResult simulate_fleet(const ReplicaSpeed& speed, const FleetLoad& load,
                           const FleetOptions& options, const FleetParts& parts) {
  check(speed, load, options);
  return Simulation(speed, load, options, parts).run();
}

FleetInterval interval_of(const std::vector<double>& values) {
  FleetInterval interval;
  if (values.empty()) return interval;
  for (const double value : values) interval.mean += value;
  const auto n = static_cast<double>(values.size());
  interval.mean /= n;
  if (values.size() < 2) return interval;
  double squares = 0;
  for (const double value : values) squares += (value - interval.mean) * (value - interval.mean);
  // Student's t for 95 %, 1 to 10 degrees of freedom; 1.96 and a little beyond.
  constexpr double kT[] = {12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23};
  const double t = values.size() - 2 < std::size(kT) ? kT[values.size() - 2] : 2.05;
  interval.half = t * std::sqrt(squares / (n - 1) / n);
  return interval;
}

}  // namespace hadal
