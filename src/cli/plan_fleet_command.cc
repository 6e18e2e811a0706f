// hadal plan fleet.
#include <algorithm>
#include <fmt/format.h>

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
#endif

namespace hadal {
namespace {

// Of one replica: decoding at every number of sequences that it takes, and prefill alone.
ReplicaSpeed replica_speed(const PlanOption& option, const RequestShape& shape,
                           const Constants& constants) {
  const Deployment& deployment = option.candidate.deployment;
  const double context = shape.input + shape.output / 2;
  constexpr double kMost = 4096;
  const auto most = static_cast<int>(std::clamp(
      std::min(option.candidate.places, option.candidate.prediction.most_running), 1.0, kMost));
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

struct FleetFigure {
  std::string_view name;
  std::string_view key;
  std::string_view unit;
  double FleetResult::*member;
};

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

}  // namespace

int plan_fleet_command(const ParsedLine& line) {
  const HardwareCatalogue catalogue = plan_catalogue(line);
  const PlanQuestion question = plan_question(line, catalogue);
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
  std::vector<FleetResult> results;
  const int seeds = line.value(option::kSeeds);
  for (int seed = 1; seed <= seeds; ++seed) {
    options.seed = static_cast<uint64_t>(seed);
    const auto keeper = keeper_of(line, option, line.get(option::kCacheTokens).value_or(2 * kept));
    results.push_back(simulate_fleet(speed, load, options, keeper.get()));
  }
  const auto over_seeds = [&](const auto& value_of) {
    std::vector<double> values;
    for (const FleetResult& result : results) values.push_back(value_of(result));
    return interval_of(values);
  };
  const double hourly = option.usd_per_device_hour.value_or(0) * deployment.devices();
  const FleetInterval cost = over_seeds([&](const FleetResult& result) {
    const double share = result.seconds > 0 ? 1 - options.warm_up : 1;
    return hourly * result.replica_hours * share / (result.tokens / 1e6);
  });
  if (line.has(option::kJson)) {
    nlohmann::ordered_json document = {{"schema", "hadal.fleet/1"},
                                       {"hardware", deployment.device.key},
                                       {"devices_per_replica", deployment.devices()},
                                       {"places_per_replica", speed.seconds_per_token.size()},
                                       {"seeds", seeds},
                                       {"requests", options.requests}};
    for (const FleetFigure& figure : kFigures) {
      const FleetInterval i = over_seeds([&](const FleetResult& r) { return r.*figure.member; });
      document[std::string(figure.key)] = {{"mean", i.mean}, {"half_width_95", i.half}};
    }
    document["usd_per_million_tokens"] = {{"mean", cost.mean}, {"half_width_95", cost.half}};
    document["usd_per_million_tokens_saturated"] = option.usd_per_million_total.value_or(0);
    write_out(dump_json(document) + "\n");
    return 0;
  }
  std::string out =
      fmt::format("A replica: {} x {}, {} requests at a time; prefill {:.0f} tokens/s\n\n",
                  deployment.devices(), deployment.device.key, speed.seconds_per_token.size(),
                  speed.prefill_tokens_per_s);
  for (const FleetFigure& figure : kFigures) {
    const FleetInterval i = over_seeds([&](const FleetResult& r) { return r.*figure.member; });
    out += fmt::format("{:<28} {:>10.4g} +- {:.2g} {}\n", figure.name, i.mean, i.half, figure.unit);
  }
  if (results.front().busy > 0.99 && results.front().wait_s > 10) {
    out += "More arrives than the replicas serve: waits grow as long as that lasts.\n";
  }
  int64_t failures = 0;
  int64_t restarted = 0;
  for (const FleetResult& result : results) {
    failures += result.failures;
    restarted += result.restarted;
  }
  if (failures > 0) {
    out += fmt::format("{} failures, {} requests began again\n", failures, restarted);
  }
  if (hourly > 0) {
    out += fmt::format("{:<28} {:>10.4g} +- {:.2g} $ for a million tokens, at this load\n", "cost",
                       cost.mean, cost.half);
    out += fmt::format("{:<28} {:>10.4g}          $ saturated\n", "",
                       option.usd_per_million_total.value_or(0));
  }
  write_out(out);
  return 0;
}

}  // namespace hadal
