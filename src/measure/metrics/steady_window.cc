#include "measure/metrics/steady_window.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <utility>
#include <vector>

#include "base/statistics.h"
#include "measure/metrics/plausible_time.h"

namespace hadal {
namespace {

constexpr double kLeastInFlight = 0.9;  // of what was asked for
constexpr int64_t kLeastRequests = 5;   // in a window that is worth a name
constexpr double kLongestRamp = 0.5;    // of the time between first and last arrival

bool measured(const RequestRecord& r) {
  return r.phase == RequestPhase::kMeasured && plausible_time(r.sent) && plausible_time(r.ended) &&
         r.ended >= r.sent;
}

Window full_because(const PointSamples& samples, const std::string& reason) {
  Window out = full_window(samples);
  out.rule = fmt::format("the whole run, ramp and drain included: {}", reason);
  return out;
}

// What is in flight as one: a request, or the session that it belongs to.
std::vector<Interval> stays(const PointSamples& samples) {
  std::vector<Interval> out;
  std::map<int64_t, size_t> of_session;
  for (const RequestRecord& r : samples.requests) {
    if (!measured(r)) continue;
    const auto [place, is_new] = r.session < 0 ? std::pair(of_session.end(), true)
                                               : of_session.emplace(r.session, out.size());
    if (is_new) {
      out.push_back({.low = r.sent, .high = r.ended});
    } else {
      Interval& stay = out[place->second];
      stay = {.low = std::min(stay.low, r.sent), .high = std::max(stay.high, r.ended)};
    }
  }
  return out;
}

// Stretches in which at least `enough` of the stays overlap, ascending.
std::vector<Interval> busy_stretches(const std::vector<Interval>& stays, double enough) {
  std::vector<std::pair<double, int>> steps;
  for (const Interval& stay : stays) {
    steps.emplace_back(stay.low, 1);
    steps.emplace_back(stay.high, -1);
  }
  // At the same instant the end comes first, as it does in a closed loop.
  std::sort(steps.begin(), steps.end());
  std::vector<Interval> out;
  int in_flight = 0;
  double begin = 0;
  for (const auto& [seconds, step] : steps) {
    const bool was_enough = in_flight >= enough;
    in_flight += step;
    const bool is_enough = in_flight >= enough;
    if (!was_enough && is_enough) begin = seconds;
    if (was_enough && !is_enough) out.push_back({.low = begin, .high = seconds});
  }
  return out;
}

struct FirstWave {
  double end = 0;  // as many requests had ended as run at a time
  // The warm-up was the first wave: half of those at a time were still of it when measuring began.
  bool ran_on = false;
};

// None where so many never ended.
std::optional<FirstWave> first_wave(const PointSamples& samples, int concurrency) {
  std::vector<double> ends;
  double first_sent = INFINITY;
  for (const RequestRecord& r : samples.requests) {
    if (!measured(r)) continue;
    ends.push_back(r.ended);
    first_sent = std::min(first_sent, r.sent);
  }
  const auto running_on =
      std::count_if(samples.requests.begin(), samples.requests.end(), [&](const RequestRecord& r) {
        return r.phase == RequestPhase::kWarmUp && r.sent < first_sent && r.ended > first_sent;
      });
  if (2 * running_on >= concurrency) return FirstWave{.end = first_sent, .ran_on = true};
  if (ends.size() < static_cast<size_t>(concurrency)) return std::nullopt;
  std::nth_element(ends.begin(), ends.begin() + concurrency - 1, ends.end());
  return FirstWave{.end = ends[concurrency - 1]};
}

Window steady_of_closed_loop(const PointSamples& samples, int concurrency) {
  if (concurrency < 1) return full_because(samples, "no concurrency was given");
  if (std::none_of(samples.requests.begin(), samples.requests.end(), measured)) {
    return full_because(samples, "no request was measured");
  }
  const std::optional<FirstWave> wave = first_wave(samples, concurrency);
  if (!wave) return full_because(samples, "fewer requests ended than were to run at a time");
  double begin = 0;
  double end = 0;
  double busy = 0;
  for (const Interval& stretch : busy_stretches(stays(samples), kLeastInFlight * concurrency)) {
    const double low = std::max(stretch.low, wave->end);
    if (stretch.high <= low) continue;
    if (busy == 0) begin = low;
    end = stretch.high;
    busy += stretch.high - low;
  }
  const bool sessions = has_sessions(samples);
  Window out{.kind = "steady",
             .rule = fmt::format(
                 "from when at least {} of {} {} were in flight, after {}, to when they last were; "
                 "for {:.3g} s of it fewer were",
                 static_cast<int>(std::ceil(kLeastInFlight * concurrency)), concurrency,
                 sessions ? "sessions" : "requests",
                 wave->ran_on ? "a warm-up that ran on into it"
                              : fmt::format("the first {} requests had ended", concurrency),
                 std::max(0.0, end - begin - busy)),
             .begin = begin,
             .end = end};
  const auto inside =
      std::count_if(samples.requests.begin(), samples.requests.end(),
                    [&](const RequestRecord& r) { return measured(r) && belongs_to(out, r); });
  const int64_t least = std::max<int64_t>(kLeastRequests, concurrency);
  if (inside < least) {
    return full_because(samples,
                        fmt::format("only {} requests were sent with at least 90 % of {} in flight "
                                    "after the first wave, and {} are the least",
                                    inside, concurrency, least));
  }
  return out;
}

// What arrives as one under open loop: a request, or a session, whose turns after the first come
// when the answer before them has.
struct Arrivals {
  double first = INFINITY;
  double last = -INFINITY;
  std::vector<double> durations = {};  // of those that ended well, from when they were due
};

Arrivals arrivals_of(const PointSamples& samples) {
  struct Stay {
    double due = 0;
    double ended = 0;
    bool ended_well = true;
  };
  std::map<int64_t, Stay> sessions;
  Arrivals out;
  for (const RequestRecord& r : samples.requests) {
    if (!measured(r) || !r.planned || !plausible_time(*r.planned)) continue;
    const bool is_well = r.outcome == RequestOutcome::kOk;
    if (is_arrival(r)) {
      out.first = std::min(out.first, *r.planned);
      out.last = std::max(out.last, *r.planned);
    }
    if (r.session < 0) {
      if (is_well) out.durations.push_back(r.ended - *r.planned);
      continue;
    }
    const auto [place, is_new] =
        sessions.emplace(r.session, Stay{.due = *r.planned, .ended = r.ended});
    Stay& stay = place->second;
    stay.due = std::min(stay.due, *r.planned);
    stay.ended = std::max(stay.ended, r.ended);
    stay.ended_well &= is_well;
  }
  for (const auto& [session, stay] : sessions) {
    if (stay.ended_well) out.durations.push_back(stay.ended - stay.due);
  }
  return out;
}

Window steady_of_open_loop(const PointSamples& samples) {
  const auto [first, last, durations] = arrivals_of(samples);
  if (durations.empty()) return full_because(samples, "no planned request ended well");
  const double ramp = median(durations);
  const char* arrival = has_sessions(samples) ? "session" : "answer";
  Window out{.kind = "steady",
             .rule = fmt::format("from the first planned arrival and a median {}'s time more, "
                                 "{:.3g} s, to the last planned arrival",
                                 arrival, ramp),
             .begin = first + ramp,
             .end = last};
  if (!(ramp <= kLongestRamp * (last - first))) {
    return full_because(samples, fmt::format("a median {} took {:.3g} s, and arrivals lasted "
                                             "only {:.3g} s",
                                             arrival, ramp, last - first));
  }
  const auto inside =
      std::count_if(samples.requests.begin(), samples.requests.end(),
                    [&](const RequestRecord& r) { return measured(r) && belongs_to(out, r); });
  if (inside < kLeastRequests) {
    return full_because(samples, fmt::format("only {} requests were due after the ramp", inside));
  }
  return out;
}

}  // namespace

Window full_window(const PointSamples& samples) {
  Window out{.kind = "full", .rule = "from the first request sent to the last one ended"};
  bool any = false;
  for (const RequestRecord& r : samples.requests) {
    if (!measured(r)) continue;
    out.begin = any ? std::min(out.begin, r.sent) : r.sent;
    out.end = any ? std::max(out.end, r.ended) : r.ended;
    any = true;
  }
  return out;
}

bool has_sessions(const PointSamples& samples) {
  return std::any_of(samples.requests.begin(), samples.requests.end(),
                     [](const RequestRecord& r) { return r.session >= 0; });
}

bool is_arrival(const RequestRecord& request) { return request.session < 0 || request.turn == 0; }

Window steady_window(const PointSamples& samples, const Load& load) {
  if (load.concurrency) return steady_of_closed_loop(samples, *load.concurrency);
  if (load.rate) return steady_of_open_loop(samples);
  return full_because(samples, "neither a concurrency nor a rate was given");
}

bool belongs_to(const Window& window, const RequestRecord& request) {
  // The whole run is all of it, whatever the clocks say.
  if (window.kind == "full") return true;
  const double start = request.planned.value_or(request.sent);
  return start >= window.begin && start < window.end;
}

}  // namespace hadal
