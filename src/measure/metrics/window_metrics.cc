#include "measure/metrics/window_metrics.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"
#include "measure/metrics/percentiles.h"
#include "measure/metrics/series.h"
#include "measure/metrics/steady_window.h"
#include "measure/metrics/token_times.h"

namespace hadal {
namespace {

namespace m = metric_ids;

constexpr size_t kMostParts = 20;       // of a window, by which rates and gaps are judged
constexpr size_t kRequestsPerPart = 2;  // at least

constexpr std::string_view kAlwaysThere[] = {m::kTtftFirstToken, m::kTtftFirstAnswerToken,
                                             m::kTpotExclFirst, m::kE2e, m::kInteractivityTpot};

// Of an answer, by the server's usage; where that did not come, as the workload meant it. 0:
// unknown.
double input_of(const RequestRecord& r) {
  return static_cast<double>(r.input_tokens.value_or(std::max<int64_t>(r.asked_input_tokens, 0)));
}

bool output_is_known(const PointView& point, size_t i) {
  return point.requests[i].output_tokens.has_value() || !point.events_of(i).empty();
}

// Whether something of the answer came that counts in rates.
bool has_come(const PointView& point, size_t i) {
  const RequestRecord& r = point.requests[i];
  if (r.outcome == RequestOutcome::kFailed) return false;
  return r.outcome == RequestOutcome::kOk || r.first_token || !point.events_of(i).empty();
}

// Which rates a point can have at all.
struct KnownTokens {
  bool any_ended = false;  // otherwise the run was cut short before it could show anything
  bool input = false;
  bool output = false;
};

KnownTokens known_tokens(const PointView& point) {
  KnownTokens known;
  bool any_came = false;
  for (const size_t i : point.order) {
    const RequestRecord& r = point.requests[i];
    known.any_ended |= r.outcome != RequestOutcome::kCancelled;
    if (!has_come(point, i)) continue;
    any_came = true;
    known.input |= input_of(r) > 0;
    known.output |= output_is_known(point, i);
  }
  // Where every request failed the rates are known to be zero.
  known.input = known.any_ended && (known.input || !any_came);
  known.output = known.any_ended && (known.output || !any_came);
  return known;
}

class WindowSummary {
 public:
  WindowSummary(const PointView& point, const Window& window)
      : point_(point), window_(window), requests_(point.requests) {
    for (const size_t i : point.order) {
      if (!belongs_to(window, requests_[i])) continue;
      all_.push_back(i);
      if (requests_[i].outcome == RequestOutcome::kOk) ok_.push_back(i);
    }
    const size_t parts = std::min(ok_.size() / kRequestsPerPart, kMostParts);
    parts_ = static_cast<int>(std::max<size_t>(parts, 1));
  }

  std::vector<MetricValue> metrics() && {
    add_times();
    add_gaps();
    add_rates();
    add_goodput();
    add_load();
    add_cache();
    add_lengths();
    for (const std::string_view id : kAlwaysThere) {
      if (find_metric(out_, id) == nullptr) out_.push_back(metric_of(id));
    }
    std::vector<MetricValue> out;
    for (const MetricDefinition& definition : metric_catalogue()) {
      for (MetricValue& value : out_) {
        if (value.id == definition.id) out.push_back(std::move(value));
      }
    }
    return out;
  }

 private:
  template <typename Value>
  void add_series(std::string_view id, const std::vector<size_t>& requests, const Value& value) {
    std::vector<double> in_order;
    for (const size_t i : requests) {
      const std::optional<double> sample = value(requests_[i], point_.figures[i]);
      if (sample && std::isfinite(*sample)) in_order.push_back(*sample);
    }
    if (!in_order.empty()) out_.push_back(summarise_series(id, in_order));
  }

  void add_times() {
    using R = RequestRecord;
    using F = RequestFigures;
    add_series(m::kTtftFirstToken, ok_, [](const R&, const F& f) { return f.ttft; });
    add_series(m::kTtftFirstAnswerToken, ok_, [](const R&, const F& f) { return f.ttft_answer; });
    add_series(m::kTtftFromPlan, ok_, [](const R&, const F& f) { return f.ttft_from_plan; });
    add_series(m::kTpotExclFirst, ok_, [](const R&, const F& f) { return f.tpot; });
    add_series(m::kItlPerRequestMean, ok_, [](const R&, const F& f) { return f.tpot; });
    add_series(m::kE2e, ok_, [](const R&, const F& f) { return f.e2e; });
    add_series(m::kE2eFromPlan, ok_, [](const R&, const F& f) { return f.e2e_from_plan; });
    add_series(m::kE2ePerOutputToken, ok_,
               [](const R&, const F& f) { return f.e2e_per_output_token; });
    add_series(m::kHeadersDelay, ok_, [](const R&, const F& f) { return f.headers_delay; });
    add_reciprocal(m::kInteractivityTpot, m::kTpotExclFirst);
    add_reciprocal(m::kInteractivityItl, m::kItlPerRequestMean);
    add_reciprocal(m::kInteractivityE2e, m::kE2ePerOutputToken);
  }

  void add_reciprocal(std::string_view id, std::string_view of) {
    const MetricValue* value = find_metric(out_, of);
    if (value != nullptr) out_.push_back(reciprocal_of(id, *value));
  }

  void add_lengths() {
    using R = RequestRecord;
    using F = RequestFigures;
    const auto number = [](std::optional<int64_t> tokens) -> std::optional<double> {
      if (!tokens || *tokens < 0) return std::nullopt;
      return static_cast<double>(*tokens);
    };
    add_series(m::kTokensInput, ok_, [&](const R& r, const F&) { return number(r.input_tokens); });
    add_series(m::kTokensOutput, ok_,
               [&](const R& r, const F&) { return number(r.output_tokens); });
    add_series(m::kTokensReasoning, ok_,
               [&](const R& r, const F&) { return number(r.reasoning_tokens); });
    const auto asked = [](int64_t tokens) -> std::optional<double> {
      if (tokens <= 0) return std::nullopt;  // an import that does not know
      return static_cast<double>(tokens);
    };
    add_series(m::kTokensInputAsked, ok_,
               [&](const R& r, const F&) { return asked(r.asked_input_tokens); });
    add_series(m::kTokensOutputAsked, ok_,
               [&](const R& r, const F&) { return asked(r.asked_output_tokens); });
    std::vector<double> per_event;
    for (const size_t i : ok_) {
      const RequestRecord& r = requests_[i];
      if (r.tokens_estimated || r.output_tokens.value_or(0) <= 0 || point_.events_of(i).empty())
        continue;
      per_event.push_back(static_cast<double>(*r.output_tokens) /
                          static_cast<double>(point_.events_of(i).size()));
    }
    if (!per_event.empty()) out_.push_back(summarise_series(m::kTokensPerEvent, per_event));
  }

  void add_gaps() {
    std::vector<double> gaps;
    std::vector<uint8_t> group;
    const double scale = parts_ / std::max(window_.end - window_.begin, 1e-9);
    for (const size_t i : ok_) {
      const std::span<const TokenStamp> events = point_.events_of(i);
      for (size_t e = 1; e < events.size(); ++e) {
        const std::optional<double> gap = gap_between(events[e - 1], events[e]);
        if (!gap) continue;
        gaps.push_back(*gap);
        // Answers that end after the window count to its last part.
        const double part = (events[e].seconds - window_.begin) * scale;
        group.push_back(static_cast<uint8_t>(std::clamp(part, 0.0, parts_ - 1.0)));
      }
    }
    if (!gaps.empty())
      out_.push_back(summarise_groups(m::kItlPooled, std::move(gaps), group, parts_));
  }

  void add_rates() {
    if (!(window_.end > window_.begin)) return;
    // The whole run begins with its first sending, and what comes at that very instant is of it.
    const double begin =
        window_.kind == "full" ? std::nextafter(window_.begin, -INFINITY) : window_.begin;
    const AmountOverTime none(begin, window_.end, parts_);
    AmountOverTime requests = none;
    AmountOverTime input = none;
    AmountOverTime output = none;
    AmountOverTime in_flight = none;
    const KnownTokens known = known_tokens(point_);
    int64_t ended = 0;
    for (size_t i = 0; i < requests_.size(); ++i) {
      const RequestRecord& r = requests_[i];
      if (r.ended >= r.sent) in_flight.add_evenly(r.sent, r.ended, r.ended - r.sent);
      // Failed answers gave nobody anything; those that we cut short at the end were as good as
      // others while they came.
      if (r.phase != RequestPhase::kMeasured || r.outcome == RequestOutcome::kFailed) continue;
      // Both rates are of the same answers: one whose input nobody knows, or whose output, would
      // count on one side alone.
      const bool is_whole =
          (input_of(r) > 0 || !known.input) && (output_is_known(point_, i) || !known.output);
      if (has_come(point_, i) && is_whole) {
        if (known.output) add_output_tokens(point_.answer(i), output);
        if (known.input) input.add_at(r.first_token.value_or(r.ended), input_of(r));
      }
      if (r.outcome != RequestOutcome::kOk) continue;
      requests.add_at(r.ended, 1);
      ended += r.ended > begin && r.ended <= window_.end ? 1 : 0;
    }
    AmountOverTime total = input;
    total.add(output);
    const auto add_rate = [&](std::string_view id, const AmountOverTime& amount, bool is_known) {
      out_.push_back(is_known ? rate_of(id, amount, ended) : metric_of(id));
    };
    add_rate(m::kRateRequests, requests, known.any_ended);
    add_rate(m::kRateInput, input, known.input);
    add_rate(m::kRateOutput, output, known.output);
    add_rate(m::kRateTotal, total, known.input && known.output);
    add_rates_per_gpu();
    out_.push_back(rate_of(m::kLoadInFlight, in_flight, static_cast<int64_t>(all_.size())));
  }

  void add_per_gpu(std::string_view id, std::string_view of, int gpus) {
    out_.push_back(divided(id, *find_metric(out_, of), gpus));
  }

  void add_rates_per_gpu() {
    const int prefill = point_.options.prefill_gpus;
    const int decode = point_.options.decode_gpus;
    const bool apart = prefill > 0 && decode > 0;
    const int both = apart ? prefill + decode : point_.options.gpus;
    const int all = point_.options.gpus > 0 ? point_.options.gpus : both;
    if (all <= 0) return;
    add_per_gpu(m::kRateInputPerGpu, m::kRateInput, all);
    add_per_gpu(m::kRateOutputPerGpu, m::kRateOutput, all);
    add_per_gpu(m::kRateTotalPerGpu, m::kRateTotal, all);
    add_per_gpu(m::kRateInputPerGpuInferenceX, m::kRateInput, apart ? prefill : all);
    add_per_gpu(m::kRateOutputPerGpuInferenceX, m::kRateOutput, apart ? decode : all);
    add_per_gpu(m::kRateTotalPerGpuInferenceX, m::kRateTotal, both);
  }

  void add_goodput() {
    if (!point_.options.objective.asks_something()) return;
    int64_t attempted = 0;
    int64_t good = 0;
    for (const size_t i : all_) {
      const RequestRecord& r = requests_[i];
      if (r.outcome == RequestOutcome::kCancelled) continue;
      ++attempted;
      good += meets(point_.options.objective, r, point_.figures[i]) ? 1 : 0;
    }
    if (attempted == 0) return;
    const Interval share = share_interval(good, attempted);
    const double n = static_cast<double>(attempted);
    out_.push_back(figure_of(m::kGoodputShare, static_cast<double>(good) / n, attempted));
    out_.back().mean_ci95 = share;
    const double seconds = window_.end - window_.begin;
    if (!(seconds > 0)) return;
    out_.push_back(figure_of(m::kGoodputRequests, static_cast<double>(good) / seconds, attempted));
    out_.back().mean_ci95 = {.low = share.low * n / seconds, .high = share.high * n / seconds};
  }

  void add_load() {
    if (point_.load.rate) {
      // The turns of a session after its first come when they can; nobody asked for their rate.
      const std::string_view unit = has_sessions(point_.samples) ? kSessionsPerSecond : "";
      const auto add_rate = [&](MetricValue rate) {
        if (!unit.empty()) rate.unit = unit;
        out_.push_back(std::move(rate));
      };
      add_rate(figure_of(m::kLoadRequestedRate, *point_.load.rate, 0));
      double first = INFINITY;
      double last = -INFINITY;
      int64_t arrivals = 0;
      for (const size_t i : all_) {
        if (!is_arrival(requests_[i])) continue;
        ++arrivals;
        const double sent = requests_[i].sent;
        if (!std::isfinite(sent)) continue;
        first = std::min(first, sent);
        last = std::max(last, sent);
      }
      if (arrivals >= 2 && last > first) {
        add_rate(figure_of(m::kLoadAchievedRate, static_cast<double>(arrivals - 1) / (last - first),
                           arrivals));
      }
    }
    add_series(m::kLoadScheduleDelay, all_,
               [](const RequestRecord&, const RequestFigures& f) { return f.schedule_delay; });
  }

  void add_cache() {
    double input = 0;
    double cached = 0;
    double asked = 0;
    double expected = 0;
    int64_t told = 0;
    int64_t planned = 0;
    for (const size_t i : ok_) {
      const RequestRecord& r = requests_[i];
      if (r.input_tokens.value_or(0) > 0 && r.cached_tokens.value_or(-1) >= 0) {
        input += static_cast<double>(*r.input_tokens);
        cached += static_cast<double>(*r.cached_tokens);
        ++told;
      }
      if (r.asked_input_tokens > 0 && r.expected_cached_tokens >= 0) {
        asked += static_cast<double>(r.asked_input_tokens);
        expected += static_cast<double>(r.expected_cached_tokens);
        ++planned;
      }
    }
    if (told > 0) out_.push_back(figure_of(m::kCacheHitShare, cached / input, told));
    if (planned > 0) {
      out_.push_back(figure_of(m::kCacheExpectedHitShare, expected / asked, planned));
    }
  }

  const PointView& point_;
  const Window& window_;
  const std::vector<RequestRecord>& requests_;
  std::vector<size_t> all_;  // of the window, in the order of sending
  std::vector<size_t> ok_;   // of them, that ended well
  int parts_ = 1;
  std::vector<MetricValue> out_;
};

// What an event carries, on average, of answers whose tokens the server told.
double mean_tokens_per_event(const PointView& point) {
  double tokens = 0;
  double events = 0;
  for (const size_t i : point.order) {
    const RequestRecord& r = point.requests[i];
    if (r.outcome != RequestOutcome::kOk || r.tokens_estimated) continue;
    if (r.output_tokens.value_or(-1) < 0 || point.events_of(i).empty()) continue;
    tokens += static_cast<double>(*r.output_tokens);
    events += static_cast<double>(point.events_of(i).size());
  }
  return events > 0 ? tokens / events : 1;
}

}  // namespace

PointView::PointView(const PointSamples& point_samples, const Load& point_load,
                     const PointOptions& point_options)
    : samples(point_samples),
      load(point_load),
      options(point_options),
      requests(point_samples.requests) {
  UsageFaults ignored;
  for (size_t i = 0; i < requests.size(); ++i) {
    const bool is_measured = requests[i].phase == RequestPhase::kMeasured;
    drop_impossible_usage(requests[i], !events_of(i).empty(), is_measured ? usage_faults : ignored);
  }
  figures.reserve(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    figures.push_back(figures_of(requests[i]));
    if (requests[i].phase == RequestPhase::kMeasured) order.push_back(i);
  }
  // Clocks that tell nothing come last; they must not upset the order of the others.
  const auto sent = [&](size_t i) {
    return std::isnan(requests[i].sent) ? INFINITY : requests[i].sent;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sent(a) < sent(b); });
  tokens_per_event = mean_tokens_per_event(*this);
}

std::span<const TokenStamp> PointView::events_of(size_t request) const {
  if (request >= samples.events.size()) return {};
  return samples.events[request];
}

TokenTimes PointView::answer(size_t request) const {
  return {.request = requests[request],
          .events = events_of(request),
          .tokens_per_event = tokens_per_event};
}

std::vector<MetricValue> window_metrics(const PointView& point, const Window& window) {
  return WindowSummary(point, window).metrics();
}

}  // namespace hadal
