#include "measure/dashboard/point_detail.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

#include "economics/bill.h"
#include "economics/phases.h"
#include "measure/dashboard/json_text.h"
#include "measure/metrics/percentiles.h"
#include "measure/metrics/plausible_time.h"
#include "measure/metrics/request_figures.h"
#include "measure/metrics/token_times.h"
#include "measure/store/run_words.h"

namespace hadal {
namespace {

class Slices {
 public:
  Slices(const PointSamples& samples, int count) : samples_(samples), count_(count) {
    for (const RequestRecord& request : samples.requests) {
      if (plausible_time(request.ended)) end_ = std::max(end_, request.ended);
    }
    if (end_ <= 0) end_ = 1;
  }

  double width() const { return end_ / count_; }

  void write(JsonText& json) const {
    json.member("begin", 0.0).member("width", width()).member("count", count_);
    json.key("series").begin_object();
    write_rates(json);
    write_in_flight(json);
    write_means(json);
    write_power(json);
    write_engine(json);
    json.end_object();
  }

 private:
  int slice_of(double seconds) const {
    // Times of damaged samples may be far beyond the end, more slices away than an int holds.
    return static_cast<int>(std::clamp(seconds / width(), 0.0, count_ - 1.0));
  }

  void write_series(JsonText& json, std::string_view name, std::string_view unit,
                    const std::vector<std::optional<double>>& values) const {
    if (std::none_of(values.begin(), values.end(), [](const auto& v) { return v.has_value(); })) {
      return;
    }
    json.key(name).begin_object().member("unit", unit).key("values").begin_array();
    for (const std::optional<double>& value : values) json.number(value);
    json.end_array().end_object();
  }

  static std::vector<std::optional<double>> known(const std::vector<double>& values) {
    return {values.begin(), values.end()};
  }

  void write_rates(JsonText& json) const {
    AmountOverTime output(0, end_, count_);
    AmountOverTime input(0, end_, count_);
    AmountOverTime ended(0, end_, count_);
    for (size_t i = 0; i < samples_.requests.size(); ++i) {
      const RequestRecord& request = samples_.requests[i];
      if (request.outcome == RequestOutcome::kFailed) continue;
      const std::vector<TokenStamp> none;
      const auto& events = i < samples_.events.size() ? samples_.events[i] : none;
      add_output_tokens({.request = request, .events = events}, output);
      if (request.first_token && request.input_tokens) {
        input.add_at(*request.first_token, static_cast<double>(*request.input_tokens));
      }
      if (request.outcome == RequestOutcome::kOk) ended.add_at(request.ended, 1);
    }
    write_series(json, "output_rate", "tokens/s", known(output.rates()));
    write_series(json, "input_rate", "tokens/s", known(input.rates()));
    write_series(json, "request_rate", "requests/s", known(ended.rates()));
  }

  // Means over each slice: requests whose answer had begun, and those that waited for it.
  void write_in_flight(JsonText& json) const {
    AmountOverTime running(0, end_, count_);
    AmountOverTime waiting(0, end_, count_);
    for (const RequestRecord& request : samples_.requests) {
      const double begun = request.first_token.value_or(request.ended);
      if (begun > request.sent) waiting.add_evenly(request.sent, begun, begun - request.sent);
      if (request.ended > begun) running.add_evenly(begun, request.ended, request.ended - begun);
    }
    write_series(json, "running", "requests", known(running.rates()));
    write_series(json, "waiting", "requests", known(waiting.rates()));
  }

  // Of the requests whose first token came in a slice.
  void write_means(JsonText& json) const {
    struct Sums {
      double ttft = 0;
      int answers = 0;
      double input = 0;
      double cached = 0;
      bool cache_told = false;
      double asked = 0;
      double expected = 0;
      double tokens = 0;
      double events = 0;
    };
    std::vector<Sums> sums(static_cast<size_t>(count_));
    bool cached_somewhere = false;
    for (size_t i = 0; i < samples_.requests.size(); ++i) {
      const RequestRecord& request = samples_.requests[i];
      if (!request.first_token || !plausible_time(*request.first_token)) continue;
      if (request.outcome != RequestOutcome::kOk) continue;
      Sums& sum = sums[static_cast<size_t>(slice_of(*request.first_token))];
      const std::optional<double> ttft = figures_of(request).ttft;
      if (ttft) {
        sum.ttft += *ttft;
        ++sum.answers;
      }
      if (request.input_tokens && request.cached_tokens) {
        sum.input += static_cast<double>(*request.input_tokens);
        sum.cached += static_cast<double>(*request.cached_tokens);
        sum.cache_told = true;
      }
      sum.asked += static_cast<double>(request.asked_input_tokens);
      sum.expected += static_cast<double>(request.expected_cached_tokens);
      cached_somewhere = cached_somewhere || request.expected_cached_tokens > 0 ||
                         request.cached_tokens.value_or(0) > 0;
      if (request.output_tokens && i < samples_.events.size() && !samples_.events[i].empty()) {
        sum.tokens += static_cast<double>(*request.output_tokens);
        sum.events += static_cast<double>(samples_.events[i].size());
      }
    }
    const auto each = [&](const std::function<std::optional<double>(const Sums&)>& figure) {
      std::vector<std::optional<double>> values;
      for (const Sums& sum : sums) values.push_back(figure(sum));
      return values;
    };
    const auto share = [](double part, double whole) {
      return whole > 0 ? std::optional(part / whole) : std::nullopt;
    };
    write_series(json, "ttft", "s", each([&](const Sums& s) { return share(s.ttft, s.answers); }));
    if (cached_somewhere) {
      write_series(json, "hit_share", "1", each([&](const Sums& s) {
                     return s.cache_told ? share(s.cached, s.input) : std::nullopt;
                   }));
      write_series(json, "expected_hit_share", "1",
                   each([&](const Sums& s) { return share(s.expected, s.asked); }));
    }
    write_series(json, "tokens_per_event", "tokens",
                 each([&](const Sums& s) { return share(s.tokens, s.events); }));
  }

  // The sum over devices of each one's mean in a slice; absent where one of them has no sample.
  void write_power(JsonText& json) const {
    struct Mean {
      double sum = 0;
      int samples = 0;
    };
    std::map<std::string, std::vector<Mean>> devices;
    for (const PowerSample& sample : samples_.power) {
      if (sample.seconds < 0 || sample.seconds > end_ || !std::isfinite(sample.watts)) continue;
      auto& means = devices[sample.meter + "/" + sample.device];
      means.resize(static_cast<size_t>(count_));
      Mean& mean = means[static_cast<size_t>(slice_of(sample.seconds))];
      mean.sum += sample.watts;
      ++mean.samples;
    }
    if (devices.empty()) return;
    std::vector<std::optional<double>> values(static_cast<size_t>(count_));
    for (size_t i = 0; i < values.size(); ++i) {
      double watts = 0;
      const bool complete = std::all_of(devices.begin(), devices.end(), [&](const auto& device) {
        const Mean& mean = device.second[i];
        if (mean.samples == 0) return false;
        watts += mean.sum / mean.samples;
        return true;
      });
      if (complete) values[i] = watts;
    }
    write_series(json, "power", "W", values);
  }

  size_t figure(std::string_view name) const {
    return static_cast<size_t>(
        std::find(std::begin(kEngineFigures), std::end(kEngineFigures), name) -
        std::begin(kEngineFigures));
  }

  std::vector<std::optional<double>> engine_means(std::string_view name) const {
    const size_t place = figure(name);
    std::vector<double> sums(static_cast<size_t>(count_));
    std::vector<int> counts(static_cast<size_t>(count_));
    for (const EngineSample& sample : samples_.engine) {
      if (sample.seconds < 0 || sample.seconds > end_ || place >= sample.values.size()) continue;
      if (!sample.values[place]) continue;
      const auto slice = static_cast<size_t>(slice_of(sample.seconds));
      sums[slice] += *sample.values[place];
      ++counts[slice];
    }
    std::vector<std::optional<double>> means(sums.size());
    for (size_t i = 0; i < sums.size(); ++i) {
      if (counts[i] > 0) means[i] = sums[i] / counts[i];
    }
    return means;
  }

  // By how much one counter went up over how much another did, from one reading to the next.
  std::vector<std::optional<double>> engine_ratio(std::string_view part, std::string_view whole,
                                                  double plus) const {
    std::vector<std::optional<double>> values(static_cast<size_t>(count_));
    for (size_t i = 1; i < samples_.engine.size(); ++i) {
      const EngineSample& now = samples_.engine[i];
      const EngineSample& before = samples_.engine[i - 1];
      const auto grown = [&](std::string_view name) -> std::optional<double> {
        const size_t place = figure(name);
        if (place >= now.values.size() || place >= before.values.size()) return std::nullopt;
        if (!now.values[place] || !before.values[place]) return std::nullopt;
        return *now.values[place] - *before.values[place];
      };
      const std::optional<double> all = grown(whole);
      const std::optional<double> some = grown(part);
      if (!all || !some || *all <= 0 || *some < 0 || now.seconds < 0 || now.seconds > end_)
        continue;
      values[static_cast<size_t>(slice_of(now.seconds))] = plus + *some / *all;
    }
    return values;
  }

  // What the engine said of itself.
  void write_engine(JsonText& json) const {
    write_series(json, "engine_running", "requests", engine_means("running"));
    write_series(json, "engine_waiting", "requests", engine_means("waiting"));
    write_series(json, "engine_cache_use", "1", engine_means("cache_use"));
    write_series(json, "engine_hit_share", "1",
                 engine_ratio("cached_tokens", "looked_up_tokens", 0));
    write_series(json, "engine_acceptance", "tokens", engine_ratio("accepted_tokens", "drafts", 1));
    write_series(json, "engine_preemptions", "requests", engine_means("preemptions"));
  }

  const PointSamples& samples_;
  int count_;
  double end_ = 0;
};

void write_lanes(JsonText& json, const PointSamples& samples, int64_t most) {
  json.member("requests", samples.requests.size());
  json.key("lanes").begin_array();
  for (int64_t i = 0; i < std::min<int64_t>(most, std::ssize(samples.requests)); ++i) {
    const RequestRecord& request = samples.requests[static_cast<size_t>(i)];
    json.begin_object().member("index", request.index);
    json.member("phase", request_phase_word(request.phase));
    if (request.session >= 0) json.member("session", request.session).member("turn", request.turn);
    if (request.planned) json.member("planned", *request.planned);
    json.member("sent", request.sent);
    if (request.first_token) json.member("first_token", *request.first_token);
    json.member("ended", request.ended);
    if (request.input_tokens) json.member("input", *request.input_tokens);
    if (request.cached_tokens) json.member("cached", *request.cached_tokens);
    if (request.output_tokens) json.member("output", *request.output_tokens);
    json.member("outcome", request_outcome_word(request.outcome));
    json.known("failure", request.failure).known("failure_text", request.failure_text);
    json.end_object();
  }
  json.end_array();
}

void write_distribution(JsonText& json, std::string_view id, std::vector<double> values, int bins) {
  if (values.empty()) return;
  std::sort(values.begin(), values.end());
  const double low = values.front();
  const double high = values.back();
  const double width = (high - low) / bins;
  std::vector<int64_t> counts(width > 0 ? static_cast<size_t>(bins) : 1);
  for (const double value : values) {
    const size_t bin = width > 0 ? static_cast<size_t>((value - low) / width) : 0;
    ++counts[std::min(bin, counts.size() - 1)];
  }
  double sum = 0;
  for (const double value : values) sum += value;
  json.key(id).begin_object().member("low", low).member("high", high);
  json.member("samples", values.size());
  json.member("mean", sum / static_cast<double>(values.size()));
  constexpr std::pair<const char*, double> kShares[] = {
      {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}};
  for (const auto& [name, share] : kShares) {
    const std::optional<Percentile> at = percentile(values, share);
    json.member(name, at ? std::optional(at->value) : std::nullopt);
  }
  json.key("counts").begin_array();
  for (const int64_t count : counts) json.integer(count);
  json.end_array().end_object();
}

void write_distributions(JsonText& json, const PointSamples& samples, int bins) {
  std::vector<double> ttft;
  std::vector<double> tpot;
  std::vector<double> e2e;
  std::vector<double> gaps;
  const auto add = [](std::vector<double>& to, const std::optional<double>& value) {
    if (value) to.push_back(*value);
  };
  for (size_t i = 0; i < samples.requests.size(); ++i) {
    const RequestRecord& request = samples.requests[i];
    if (request.phase != RequestPhase::kMeasured) continue;
    const RequestFigures figures = figures_of(request);
    add(ttft, figures.ttft);
    add(tpot, figures.tpot);
    add(e2e, figures.e2e);
    if (request.outcome != RequestOutcome::kOk || i >= samples.events.size()) continue;
    for (size_t j = 1; j < samples.events[i].size(); ++j) {
      add(gaps, gap_between(samples.events[i][j - 1], samples.events[i][j]));
    }
  }
  json.key("distributions").begin_object();
  write_distribution(json, "ttft", std::move(ttft), bins);
  write_distribution(json, "tpot", std::move(tpot), bins);
  write_distribution(json, "itl", std::move(gaps), bins);
  write_distribution(json, "e2e", std::move(e2e), bins);
  json.end_object();
}

void write_failures(JsonText& json, const PointSamples& samples) {
  struct Failures {
    int64_t count = 0;
    std::string example = {};
  };
  std::map<std::string, Failures> classes;
  for (const RequestRecord& request : samples.requests) {
    if (request.outcome != RequestOutcome::kFailed) continue;
    Failures& failures = classes[request.failure];
    if (failures.count++ == 0) failures.example = request.failure_text;
  }
  json.key("failures").begin_array();
  for (const auto& [name, failures] : classes) {
    json.begin_object().member("failure", name).member("count", failures.count);
    json.member("example", failures.example).end_object();
  }
  json.end_array();
}

// Where the machine's time went, for the bill: seconds of the whole machine, and the tokens of the
// requests that ended well.
void write_phases(JsonText& json, const PointSamples& samples, const PhaseGpus& gpus) {
  if (!(samples.duration > 0)) return;
  std::vector<RequestTimes> times;
  std::vector<RequestSpan> spans;
  BillTokens tokens;
  for (const RequestRecord& request : samples.requests) {
    if (!plausible_time(request.sent) || !plausible_time(request.ended)) return;
    spans.push_back({.sent = request.sent, .ended = request.ended});
    if (request.outcome != RequestOutcome::kOk) continue;
    const int64_t cached = request.cached_tokens.value_or(0);
    const int64_t computed = std::max<int64_t>(request.input_tokens.value_or(0) - cached, 0);
    tokens.computed_input += computed;
    tokens.cached_input += cached;
    tokens.output += request.output_tokens.value_or(0);
    times.push_back({.prefill_seconds = request.server_prefill_seconds,
                     .decode_seconds = request.server_decode_seconds,
                     .first_token_after = figures_of(request).ttft,
                     .computed_input_tokens = computed,
                     .output_tokens = request.output_tokens.value_or(0)});
  }
  try {
    const double idle = idle_seconds(spans, samples.duration);
    const Phases phases = split_phases({.seconds = samples.duration,
                                        .idle_seconds = std::min(idle, samples.duration),
                                        .gpus = std::max(gpus.all, 1),
                                        .prefill_gpus = gpus.prefill,
                                        .decode_gpus = gpus.decode},
                                       times);
    json.key("phases").begin_object().member("basis", phase_basis_name(phases.basis));
    json.member("divided", phases.basis != PhaseBasis::kUnknown);
    json.member("seconds", samples.duration).member("gpus", std::max(gpus.all, 1));
    json.member("prefill", phases.prefill).member("cached_input", phases.cached_input);
    json.member("decode", phases.decode).member("shared", phases.shared);
    json.member("idle", phases.idle).key("tokens").begin_object();
    json.member("computed_input", tokens.computed_input);
    json.member("cached_input", tokens.cached_input).member("output", tokens.output);
    json.end_object().end_object();
  } catch (const Error& error) {
    // Times that a damaged store has, and no clock: there is no bill of them.
    if (error.code() != ErrorCode::kInvalidArgument) throw;
  }
}

}  // namespace

std::string point_detail_json(RunStore& store, const std::string& run_id, int64_t point,
                              const PhaseGpus& gpus, const PointDetailOptions& options) {
  const PointSamples samples = store.load_samples(run_id, point);
  JsonText json;
  json.begin_object().member("schema", "hadal.dashboard.point/1");
  json.member("run", run_id).member("point", point).member("duration", samples.duration);
  if (!samples.requests.empty()) {
    json.key("slices").begin_object();
    Slices(samples, options.slices).write(json);
    json.end_object();
  }
  write_lanes(json, samples, options.lanes);
  write_distributions(json, samples, options.bins);
  write_failures(json, samples);
  write_phases(json, samples, gpus);
  json.end_object();
  return json.take();
}

}  // namespace hadal
