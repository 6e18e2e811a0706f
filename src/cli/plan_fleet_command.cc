// hadal plan fleet.
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/plan_setup.h"
#include "cli/terminal.h"
#include "json/python_json.h"
#include "plan/fleet.h"
#include "plan/plan_report.h"
#ifdef HADAL_WITH_ENGINE
#include "cli/fleet_index.h"
#include "cli/fleet_scheduler.h"
#include "engine/engine.h"
#endif

namespace hadal {
namespace {

// Requests that a replica takes at a time.
int places_of(const PlanOption& option) {
  constexpr double kMost = 4096;
  return static_cast<int>(std::clamp(
      std::min(option.candidate.places, option.candidate.prediction.most_running), 1.0, kMost));
}

// Of one replica: decoding at every number of sequences that it takes, and prefill alone.
ReplicaSpeed replica_speed(const PlanOption& option, const RequestShape& shape,
                           const Constants& constants) {
  const Deployment& deployment = option.candidate.deployment;
  const double context = shape.input + shape.output / 2;
  const int most = places_of(option);
  ReplicaSpeed speed{
      .prefill_tokens_per_s = shape.input / predict_prefill(deployment, constants, shape.input),
      .prefill_stops_decoding = !deployment.prefill.has_value()};
  if (deployment.prefill) speed.prefill_tokens_per_s *= deployment.prefill->workers;
  for (int n = 1; n <= most; ++n) {
    speed.seconds_per_token.push_back(predict_decode(deployment, constants, context, n).tpot_s);
  }
  return speed;
}

Routing routing_of(const std::string& name) {
  return name == "random"     ? Routing::kRandom
         : name == "affinity" ? Routing::kAffinity
                              : Routing::kLeastLoaded;
}

// The keeper that is asked for; none for the simulation's own, whole sessions.
std::unique_ptr<PrefixKeeper> keeper_of(const ParsedLine& line, const PlanOption& option,
                                        double tokens) {
  const Deployment& deployment = option.candidate.deployment;
  const std::string policy =
      line.get(option::kCachePolicy)
          .value_or(deployment.engine.name == "hadal" ? "hadal" : "sessions");
  if (policy == "sessions") return nullptr;
#ifdef HADAL_WITH_ENGINE
  return index_keeper(deployment.model, tokens);
#else
  static_cast<void>(tokens);
  if (!line.has(option::kCachePolicy)) return nullptr;
  throw Error({.code = ErrorCode::kUnavailable,
               .where = "--cache-policy hadal",
               .what = "is not in this hadal, which was built without its engine",
               .remedy = "leave it out: whole sessions are kept then"});
#endif
}

bool uses_scheduler(const ParsedLine& line) { return line.value(option::kScheduler) == "hadal"; }

// Replicas with the engine's scheduler, where they are asked for.
ReplicaFactory replicas_of(const ParsedLine& line, const PlanOption& option,
                           const PlanQuestion& question, double tokens) {
  if (!uses_scheduler(line)) return {};
  if (line.get(option::kCachePolicy) == "sessions") {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--cache-policy sessions",
                 .what = "is not what replicas with --scheduler hadal do",
                 .remedy = "leave it out: they keep what hadal's prefix index keeps"});
  }
#ifdef HADAL_WITH_ENGINE
  const Deployment& deployment = option.candidate.deployment;
  const Prediction& prediction = option.candidate.prediction;
  // On processors as hadal serves there; on accelerators as many rows as the deployment was planned
  // with.
  const EngineOptions served;
  const bool processor = deployment.device.family == DeviceFamily::kCpu;
  const double rows = deployment.engine.chunk * deployment.serve.spread.dp;
  constexpr double kMilliseconds = 1000;
  return scheduled_replicas(
      {.model = deployment.model,
       .tokens = tokens,
       .max_running = places_of(option),
       .prefill_rows = processor ? served.prefill_chunk : static_cast<int>(rows),
       .budget_seconds = question.longest_gap_s.value_or(served.step_budget_ms / kMilliseconds),
       .drafts = prediction.verified,
       .tokens_per_step = prediction.tokens_per_step,
       .step_seconds = [deployment, constants = question.constants,
                        verified = prediction.verified](const MixedStep& step) {
         return predict_step(deployment, constants, verified, step);
       }});
#else
  static_cast<void>(option);
  static_cast<void>(question);
  static_cast<void>(tokens);
  throw Error({.code = ErrorCode::kUnavailable,
               .where = "--scheduler hadal",
               .what = "is not in this hadal, which was built without its engine",
               .remedy = "leave it out: replicas are queues then"});
#endif
}

struct FleetFigure {
  std::string_view name;
  std::string_view key;
  std::string_view unit;
  double FleetResult::*member;
};

constexpr std::chrono::milliseconds kQuiet{2000};

constexpr FleetFigure kFigures[] = {
    {"first token after, mean", "ttft_s", "s", &FleetResult::ttft_s},
    {"  median", "ttft_p50_s", "s", &FleetResult::ttft_p50_s},
    {"  99th percentile", "ttft_p99_s", "s", &FleetResult::ttft_p99_s},
    {"waiting before prefill", "wait_s", "s", &FleetResult::wait_s},
    {"seconds a token, mean", "tpot_s", "s", &FleetResult::tpot_s},
    {"  99th percentile", "tpot_p99_s", "s", &FleetResult::tpot_p99_s},
    {"input from the cache", "hit", "", &FleetResult::hit},
    {"time with a request", "busy", "", &FleetResult::busy},
    {"replica hours", "replica_hours", "h", &FleetResult::replica_hours},
};

nlohmann::ordered_json interval_json(const std::optional<FleetInterval>& interval) {
  if (!interval) return nullptr;
  nlohmann::ordered_json half;
  if (interval->half) half = *interval->half;
  return {{"mean", interval->mean}, {"half_width_95", half}};
}

std::string interval_text(const FleetInterval& interval) {
  return fmt::format("{:>10.4g} {:<10}", interval.mean,
                     interval.half ? fmt::format("+- {:.2g}", *interval.half) : "");
}

// What was simulated, and what came of it with each seed.
struct FleetReport {
  const PlanOption& option;
  const ReplicaSpeed& speed;
  const FleetOptions& options;
  std::string scheduler = {};
  std::vector<FleetResult> results = {};

  template <typename ValueOf>
  FleetInterval over_seeds(const ValueOf& value_of) const {
    std::vector<double> values;
    for (const FleetResult& result : results) values.push_back(value_of(result));
    return interval_of(values);
  }
  int64_t sum(int64_t FleetResult::*member) const {
    int64_t all = 0;
    for (const FleetResult& result : results) all += result.*member;
    return all;
  }
  // None where the catalogue has no price, or nothing was served.
  std::optional<FleetInterval> usd_per_million() const {
    if (!option.usd_per_device_hour) return std::nullopt;
    const bool served =
        std::ranges::all_of(results, [](const FleetResult& result) { return result.tokens > 0; });
    if (!served) return std::nullopt;
    const double hourly = *option.usd_per_device_hour * option.candidate.deployment.devices();
    return over_seeds([&](const FleetResult& result) {
      return hourly * result.replica_hours * (1 - options.warm_up) / (result.tokens / 1e6);
    });
  }
};

std::string report_json(const FleetReport& report) {
  const Deployment& deployment = report.option.candidate.deployment;
  nlohmann::ordered_json document = {{"schema", "hadal.fleet/1"},
                                     {"hardware", deployment.device.key},
                                     {"devices_per_replica", deployment.devices()},
                                     {"places_per_replica", report.speed.seconds_per_token.size()},
                                     {"scheduler", report.scheduler},
                                     {"seeds", report.results.size()},
                                     {"requests", report.options.requests}};
  for (const FleetFigure& figure : kFigures) {
    document[std::string(figure.key)] = interval_json(
        report.over_seeds([&](const FleetResult& result) { return result.*figure.member; }));
  }
  document["failures"] = report.sum(&FleetResult::failures);
  document["restarted"] = report.sum(&FleetResult::restarted);
  document["refused"] = report.sum(&FleetResult::refused);
  document["usd_per_million_tokens"] = interval_json(report.usd_per_million());
  nlohmann::ordered_json& saturated = document["usd_per_million_tokens_saturated"];
  if (report.option.usd_per_million_total) saturated = *report.option.usd_per_million_total;
  return dump_json(document) + "\n";
}

std::string report_text(const FleetReport& report) {
  const Deployment& deployment = report.option.candidate.deployment;
  std::string out =
      fmt::format("A replica: {} x {}, {} requests at a time; prefill {:.0f} tokens/s{}\n\n",
                  deployment.devices(), deployment.device.key,
                  report.speed.seconds_per_token.size(), report.speed.prefill_tokens_per_s,
                  report.scheduler == "hadal" ? "; steps as hadal's scheduler fills them" : "");
  for (const FleetFigure& figure : kFigures) {
    const FleetInterval interval =
        report.over_seeds([&](const FleetResult& result) { return result.*figure.member; });
    out += fmt::format("{:<28} {} {}\n", figure.name, interval_text(interval), figure.unit);
  }
  if (report.results.front().busy > 0.99 && report.results.front().wait_s > 10) {
    out += "More arrives than the replicas serve: waits grow as long as that lasts.\n";
  }
  if (const int64_t failures = report.sum(&FleetResult::failures); failures > 0) {
    out += fmt::format("{} failures, {} requests began again\n", failures,
                       report.sum(&FleetResult::restarted));
  }
  if (const int64_t refused = report.sum(&FleetResult::refused); refused > 0) {
    out += fmt::format("{} turns were longer than the memory of a replica: their sessions ended\n",
                       refused);
  }
  if (const auto cost = report.usd_per_million()) {
    out += fmt::format("{:<28} {} $ for a million tokens, at this load\n", "cost",
                       interval_text(*cost));
    out += fmt::format("{:<28} {:>10.4g} {:10} $ saturated\n", "",
                       report.option.usd_per_million_total.value_or(0), "");
  }
  return out;
}

}  // namespace

int plan_fleet_command(const ParsedLine& line) {
  const HardwareCatalogue catalogue = plan_catalogue(line);
  PlanQuestion question = plan_question(line, catalogue);
  // The scheduler computes prompts beside answers.
  question.disaggregate = !uses_scheduler(line);
  const PlanAnswer answer = answer_plan(question, catalogue, PriceCatalogue::built_in());
  const PlanOption& option = answer.picks.front().option;
  const ReplicaSpeed speed = replica_speed(option, question.shape, question.constants);
  const FleetLoad load{.requests_per_s = line.value(option::kArrivalRate),
                       .burstiness = line.value(option::kBurstiness),
                       .daily_swing = line.value(option::kSwing),
                       .input = question.shape.input,
                       .output = question.shape.output,
                       .turns = line.value(option::kTurns),
                       .think_seconds = line.value(option::kThinkTime)};
  const Deployment& deployment = option.candidate.deployment;
  const double kept = std::max(0.0, option.memory.tokens(deployment.model)) *
                      deployment.serve.spread.dp * deployment.serve.workers / 2;
  FleetOptions options{.replicas = line.value(option::kReplicas),
                       .routing = routing_of(line.value(option::kRouting)),
                       .cache_tokens = line.get(option::kCacheTokens).value_or(kept),
                       .hours_between_failures = line.get(option::kFailureHours).value_or(0),
                       .reload_seconds = line.value(option::kReload),
                       .spares = line.value(option::kSpares),
                       .most_replicas = line.get(option::kMostReplicas).value_or(0),
                       .cold_start_seconds = line.value(option::kColdStart),
                       .requests = line.value(option::kRequests)};
  FleetReport report{.option = option,
                     .speed = speed,
                     .options = options,
                     .scheduler = line.value(option::kScheduler)};
  const int seeds = line.value(option::kSeeds);
  const double memory = line.get(option::kCacheTokens).value_or(2 * kept);
  const ReplicaFactory replicas = replicas_of(line, option, question, memory);
  Progress progress("simulating", "requests", kQuiet);
  for (int seed = 1; seed <= seeds; ++seed) {
    options.seed = static_cast<uint64_t>(seed);
    const auto keeper = replicas ? nullptr : keeper_of(line, option, memory);
    const auto tell = [&, before = options.requests * (seed - 1)](int64_t done) {
      progress.update(static_cast<uint64_t>(before + done),
                      static_cast<uint64_t>(options.requests * seeds));
    };
    report.results.push_back(
        simulate_fleet(speed, load, options,
                       {.keeper = keeper.get(), .make_replica = replicas, .on_progress = tell}));
  }
  progress.finish();
  if (report.sum(&FleetResult::requests) == 0) {
    throw Error({.code = ErrorCode::kResourceExhausted,
                 .where = "the fleet",
                 .what = "serves nothing: no request fits into the memory of a replica",
                 .remedy = "give more --cache-tokens, or shorter requests (--workload)"});
  }
  write_out(line.has(option::kJson) ? report_json(report) : report_text(report));
  return 0;
}

}  // namespace hadal
