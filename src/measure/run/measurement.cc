#include "measure/run/measurement.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"
#include "measure/meters/energy.h"
#include "measure/meters/energy_metrics.h"
#include "measure/metrics/load_text.h"
#include "measure/metrics/point_metrics.h"
#include "measure/run/warm_up.h"
#include "measure/workload/arrivals.h"
#include "measure/workload/fixed_lengths.h"
#include "measure/workload/prefix_proof.h"
#include "measure/workload/trace_replay.h"

namespace hadal {
namespace {

constexpr int64_t kInferenceXPerLane = 10;
constexpr double kOpenLoopSeconds = 60;
constexpr int64_t kLeastOpenLoop = 20;
constexpr int64_t kEndless = std::numeric_limits<int64_t>::max() / 2;

int64_t sessions_of(const MeasureOptions& options, const Load& load) {
  if (options.requests) return *options.requests;
  if (load.concurrency) return kInferenceXPerLane * *load.concurrency;
  return std::max(kLeastOpenLoop, static_cast<int64_t>(*load.rate * kOpenLoopSeconds));
}

// Of the point with this salt.
ArrivalPlan arrival_plan(const MeasureOptions& options, const Load& load, uint64_t salt,
                         const Workload& workload) {
  ArrivalPlan plan = parse_arrivals(options.arrivals, *load.rate, options.workload.seed + salt);
  if (plan.kind == ArrivalKind::kTrace) {
    const auto* replay = dynamic_cast<const TraceReplay*>(&workload);
    if (replay != nullptr) plan.recorded = replay->recorded_starts();
    if (plan.recorded.empty()) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "--arrivals trace",
                   .what = "the workload has no recorded times",
                   .remedy = "use a trace with times, or --arrivals poisson"});
    }
  }
  return plan;
}

std::vector<double> instants_of(ArrivalPlan plan, int64_t most) {
  Arrivals arrivals(std::move(plan));
  std::vector<double> instants;
  while (static_cast<int64_t>(instants.size()) < most) {
    const std::optional<double> instant = arrivals.next();
    if (!instant) break;
    instants.push_back(*instant);
  }
  return instants;
}

// Prompts beyond these are of the same draw, and proving them takes memory.
constexpr int64_t kMostProven = 5'000;

class Measurement {
 public:
  Measurement(const Endpoint& endpoint, const MeasureOptions& options, const RunningMeters& meters,
              MeasureObserver& observer, const std::atomic<bool>& stop)
      : endpoint_(endpoint),
        options_(options),
        meters_(meters),
        observer_(observer),
        stop_(stop),
        generator_(endpoint, options.threads) {}

  MeasureOutcome run() {
    MeasureOutcome outcome;
    const std::vector<Load> loads = planned_loads(options_);
    for (size_t i = 0; i < loads.size() && !stop_; ++i) {
      const size_t of_a_round = loads.size() / static_cast<size_t>(options_.repeats);
      const auto repeat = static_cast<int>(i / of_a_round);
      observer_.point_begins(loads[i], repeat, i, loads.size());
      salt_ = options_.first_salt + i;
      if (!warm_up(loads[i], outcome)) break;
      if (!measure_point(loads[i], repeat, outcome)) break;
    }
    judge(loads.size(), outcome);
    return outcome;
  }

 private:
  LoadGenerator::Hooks hooks(const Load& load, bool is_warm_up) {
    LoadGenerator::Hooks hooks;
    hooks.stop = &stop_;
    hooks.progress = [this, load, is_warm_up](const LoadProgress& progress) {
      observer_.progress(load, is_warm_up, progress);
    };
    return hooks;
  }

  // False: it was stopped, or nothing was answered.
  bool warm_up(const Load& load, MeasureOutcome& outcome) {
    if (options_.warm_up && *options_.warm_up == 0) return true;
    const auto workload =
        make_workload(options_.workload, {.salt = salt_, .lanes = load.concurrency.value_or(0)});
    LoadPlan plan = {.workload = workload.get(),
                     .space = RequestPhase::kWarmUp,
                     .sessions = options_.warm_up.value_or(kEndless),
                     .concurrency = load.concurrency.value_or(0),
                     .longest = options_.longest,
                     .request_timeout = options_.request_timeout};
    constexpr double kOpenLoopWarmUp = 15;  // seconds
    const auto open_sessions =
        std::max<int64_t>(4, static_cast<int64_t>(load.rate.value_or(0) * kOpenLoopWarmUp));
    if (load.rate) {
      plan.sessions = std::min(plan.sessions, open_sessions);
      // Evenly: a day or a ramp would take as long as what is to be measured.
      for (int64_t i = 0; i < plan.sessions; ++i) {
        plan.arrivals.push_back(static_cast<double>(i) / *load.rate);
      }
    }
    constexpr int64_t kAsLongAsItTakes = 256;
    prove_unlike(*workload, RequestPhase::kWarmUp, options_.warm_up.value_or(kAsLongAsItTakes),
                 load);
    LoadGenerator::Hooks warm_hooks = hooks(load, true);
    if (!options_.warm_up) {
      const int64_t at_a_time = load.concurrency.value_or(2);
      warm_hooks.enough = [at_a_time](const PointSamples& samples) {
        return has_settled(samples, at_a_time);
      };
    }
    const LoadGenerator::Outcome result = generator_.run(plan, warm_hooks);
    if (result.gave_up) {
      outcome.state = outcome.points.empty() ? RunState::kFailed : RunState::kPartial;
      outcome.reason = "the server answered no warm-up: " + last_failure(result.samples);
      return false;
    }
    return !stop_;
  }

  bool measure_point(const Load& load, int repeat, MeasureOutcome& outcome) {
    const int64_t sessions = sessions_of(options_, load);
    const auto workload =
        make_workload(options_.workload,
                      {.salt = salt_, .lanes = load.concurrency.value_or(0), .sessions = sessions});
    LoadPlan plan = {.workload = workload.get(),
                     .sessions = std::min(sessions, workload->sessions().value_or(sessions)),
                     .concurrency = load.concurrency.value_or(0),
                     .longest = options_.longest,
                     .request_timeout = options_.request_timeout};
    if (load.rate) {
      plan.arrivals = instants_of(arrival_plan(options_, load, salt_, *workload), plan.sessions);
      plan.sessions = static_cast<int64_t>(plan.arrivals.size());
    }
    prove_unlike(*workload, RequestPhase::kMeasured, plan.sessions, load);
    LoadGenerator::Hooks load_hooks = hooks(load, false);
    load_hooks.batch = [this](const LoadBatch& batch) { observer_.batch(batch); };
    LoadGenerator::Outcome result = generator_.run(plan, load_hooks);
    PointSamples& samples = result.samples;
    if (meters_.recorder != nullptr) {
      samples.power = meters_.recorder->samples(result.origin, result.origin + samples.duration);
    }
    if (meters_.engine != nullptr) {
      samples.engine = meters_.engine->samples(result.origin, result.origin + samples.duration);
    }
    PointOptions point_options = options_.point;
    point_options.repeat = repeat;
    PointRecord point = summarise_point(samples, load, point_options);
    add_energy(samples, point);
    observer_.point_ends(point, samples);
    const bool go_on = !result.gave_up;
    if (result.gave_up) {
      outcome.state = RunState::kPartial;
      outcome.reason = "the server stopped answering: " + last_failure(samples);
    }
    outcome.points.push_back(std::move(point));
    return go_on;
  }

  static std::string last_failure(const PointSamples& samples) {
    for (auto i = samples.requests.rbegin(); i != samples.requests.rend(); ++i) {
      if (i->outcome == RequestOutcome::kFailed) return i->failure + ", " + i->failure_text;
    }
    return "no request was answered";
  }

  void add_energy(const PointSamples& samples, PointRecord& point) {
    if (samples.power.empty()) return;
    const EnergyReport report = measure_energy({.samples = samples.power,
                                                .begin = 0,
                                                .end = samples.duration,
                                                .idle_samples = meters_.idle.samples,
                                                .idle_begin = meters_.idle.begin,
                                                .idle_end = meters_.idle.end});
    const std::vector<MetricValue> metrics =
        energy_metrics(report, work_of_requests(samples.requests));
    // Energy is of the whole point: meters are too slow for less.
    point.full_run_metrics.insert(point.full_run_metrics.end(), metrics.begin(), metrics.end());
    point.metrics.insert(point.metrics.end(), metrics.begin(), metrics.end());
    for (const std::string& warning : report.warnings()) point.warnings.push_back(warning);
  }

  void judge(size_t planned, MeasureOutcome& outcome) const {
    int64_t failed = 0;
    int64_t ok = 0;
    bool too_many_failures = false;
    std::string commonest;
    for (const PointRecord& point : outcome.points) {
      failed += point.requests.failed;
      ok += point.requests.ok;
      if (!point.invalid) continue;
      too_many_failures = true;
      if (!point.requests.failures.empty()) {
        commonest = ", most often " + point.requests.failures.front().failure;
      }
    }
    if (ok == 0 && !outcome.points.empty() && (failed > 0 || !stop_)) {
      outcome.state = RunState::kFailed;
      if (outcome.reason.empty()) {
        outcome.reason = failed > 0 ? "no request was answered"
                                    : "no answer ended in the time that it was given (--duration)";
      }
    } else if (outcome.state != RunState::kComplete) {
      return;
    } else if (stop_ || outcome.points.size() < planned) {
      outcome.state = RunState::kPartial;
      outcome.reason = "it was interrupted";
    } else if (too_many_failures) {
      outcome.state = RunState::kInvalid;
      outcome.reason = fmt::format("more than {:.0f} % of a point's requests failed{}",
                                   100 * options_.point.most_failures, commonest);
    }
  }

  // No prompt of token ids begins like another of this measurement, warm-ups included.
  void prove_unlike(const Workload& workload, RequestPhase space, int64_t sessions,
                    const Load& load) {
    if (!endpoint_.takes_token_ids || !is_length_shape(options_.workload.name)) return;
    prover_.add(
        workload, space, std::min(sessions, kMostProven), endpoint_.style,
        fmt::format("{}{}", load_text(load), space == RequestPhase::kWarmUp ? ", warm-up" : ""));
    static_cast<void>(prover_.prove());
  }

  const Endpoint& endpoint_;
  const MeasureOptions& options_;
  PrefixProver prover_;
  const RunningMeters& meters_;
  MeasureObserver& observer_;
  const std::atomic<bool>& stop_;
  LoadGenerator generator_;
  uint64_t salt_ = 0;
};

}  // namespace

std::vector<Load> planned_loads(const MeasureOptions& options) {
  std::vector<Load> once;
  if (options.rates.empty()) {
    for (const int concurrency : options.concurrency) {
      once.push_back({.concurrency = concurrency, .arrivals = "closed"});
    }
  }
  for (const double rate : options.rates) {
    const ArrivalPlan plan = parse_arrivals(options.arrivals, rate, 0);
    once.push_back({.rate = rate, .arrivals = std::string(arrival_name(plan.kind))});
  }
  std::vector<Load> loads;
  for (int round = 0; round < options.repeats; ++round) {
    loads.insert(loads.end(), once.begin(), once.end());
  }
  return loads;
}

MeasureOutcome measure(const Endpoint& endpoint, const MeasureOptions& options,
                       const RunningMeters& meters, MeasureObserver& observer,
                       const std::atomic<bool>& stop) {
  return Measurement(endpoint, options, meters, observer, stop).run();
}

std::string describe_plan(const Endpoint& endpoint, const MeasureOptions& options) {
  using Json = nlohmann::ordered_json;
  const std::vector<Load> loads = planned_loads(options);
  Json plan;
  plan["url"] = endpoint.base;
  plan["api"] = endpoint.is_chat ? "chat" : "completions";
  plan["model"] = endpoint.model;
  plan["prompt_form"] = endpoint.takes_token_ids ? "token_ids" : "text";
  plan["ignore_eos"] = endpoint.takes_ignore_eos;
  plan["usage"] = !endpoint.has_usage             ? "none"
                  : endpoint.has_continuous_usage ? "continuous"
                                                  : "at the end";
  plan["context"] = endpoint.context ? Json(*endpoint.context) : Json(nullptr);
  const int lanes = loads.empty() ? 0 : loads.front().concurrency.value_or(0);
  const auto workload =
      make_workload(options.workload, {.salt = options.first_salt, .lanes = lanes});
  plan["workload"] = parse_json(workload->describe(), "workload");
  Json points = Json::array();
  for (size_t i = 0; i < loads.size() / static_cast<size_t>(options.repeats); ++i) {
    Json point;
    if (loads[i].concurrency) point["concurrency"] = *loads[i].concurrency;
    if (loads[i].rate) {
      point["rate"] = *loads[i].rate;
      // Of the first repeat; each further one has the next seed.
      point["arrivals"] = parse_json(
          describe_arrivals(arrival_plan(options, loads[i], options.first_salt + i, *workload)),
          "arrivals");
    }
    point["sessions"] = sessions_of(options, loads[i]);
    points.push_back(std::move(point));
  }
  plan["points"] = std::move(points);
  plan["repeats"] = options.repeats;
  plan["longest_seconds"] = options.longest ? Json(*options.longest) : Json(nullptr);
  plan["request_timeout_seconds"] = options.request_timeout;
  plan["warm_up"] = options.warm_up ? Json(*options.warm_up) : Json("until rates settle");
  plan["client_threads"] = options.threads;
  plan["most_failures"] = options.point.most_failures;
  const ServiceObjective& objective = options.point.objective;
  Json slo;
  slo["ttft"] = objective.ttft ? Json(*objective.ttft) : Json(nullptr);
  slo["tpot"] = objective.tpot ? Json(*objective.tpot) : Json(nullptr);
  slo["e2e"] = objective.e2e ? Json(*objective.e2e) : Json(nullptr);
  plan["objective_seconds"] = std::move(slo);
  return dump_json(plan);
}

}  // namespace hadal
