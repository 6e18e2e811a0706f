// Writes run stores for the browser tests: fixture_store STORE views|history|many|wide [COUNT].
//   views    a store as users have it: builds before and after, verified, ungated, client-limited,
//            partial and failed runs, sessions with a cache, power, and texts that try to be markup
//   history  45 days of one configuration with known steps and known noise
//   many     COUNT runs of five points with all figures
//   wide     200 configurations of 50 points each
// The same arguments give the same figures. Runs have the shape that hadal's own measuring gives
// them: samples are simulated, figures are made of samples by the code that measures.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "measure/metrics/metric_ids.h"
#include "measure/metrics/point_metrics.h"
#include "measure/store/run_store.h"

namespace hadal {
namespace {

constexpr double kFirstDay = 1785542400;  // 2026-08-01, UTC
constexpr double kDay = 86400;

// An engine whose every answer takes longer the more there are at once.
struct Machine {
  double ttft = 0.15;    // seconds, alone
  double tpot = 0.011;   // seconds, alone
  double many = 40;      // so many at once double the time of a token
  int64_t input = 1024;  // tokens
  int64_t output = 96;
  bool sessions = false;  // turns that share what came before
  double watts = 0;       // of the machine when busy; 0: nothing measures it
};

class Simulation {
 public:
  Simulation(const Machine& machine, int concurrency, uint64_t seed)
      : machine_(machine), concurrency_(concurrency), random_(seed) {}

  PointSamples run() {
    const int count = std::max(4 * concurrency_, 40);
    std::priority_queue<double, std::vector<double>, std::greater<>> free;
    for (int i = 0; i < concurrency_; ++i) free.push(0.002 * i);
    for (int i = 0; i < count; ++i) {
      const double sent = free.top();
      free.pop();
      add_request(i, sent);
      free.push(samples_.requests.back().ended + 0.001);
    }
    for (const RequestRecord& request : samples_.requests) {
      samples_.duration = std::max(samples_.duration, request.ended);
    }
    add_power();
    samples_.client = {
        .lag_counts = {900, 20, 4, 1, 0, 0, 0, 0, 0, 0, 0}, .lag_p99 = 0.0002, .cpu_share = 0.05};
    return std::move(samples_);
  }

 private:
  double around(double value) {
    return value * std::exp(std::normal_distribution<double>(0, 0.06)(random_));
  }

  void add_request(int index, double sent) {
    const double crowd = 1 + concurrency_ / machine_.many;
    RequestRecord request{.index = index,
                          .sent = sent,
                          .asked_input_tokens = machine_.input,
                          .asked_output_tokens = machine_.output,
                          .http_status = 200,
                          .finish_reason = "length"};
    double prefill = 1;
    if (machine_.sessions) {
      request.session = index % concurrency_;
      request.turn = index / concurrency_;
      request.asked_input_tokens = machine_.input * (request.turn + 1);
      request.expected_cached_tokens = machine_.input * request.turn;
      request.cached_tokens = request.expected_cached_tokens / 256 * 224;
      prefill = 1 + 0.1 * request.turn;
    }
    request.input_tokens = request.asked_input_tokens;
    const double first = sent + around(machine_.ttft * prefill * crowd);
    const double tpot = around(machine_.tpot * crowd);
    request.headers = sent + 0.01;
    request.first_token = first;
    request.first_answer_token = first;
    std::vector<TokenStamp> events;
    double now = first;
    for (int64_t token = 1; token <= machine_.output; ++token) {
      events.push_back({.seconds = now, .tokens_so_far = token});
      if (token < machine_.output) now += around(tpot);
    }
    request.last_token = now;
    request.ended = now + 0.0005;
    request.output_tokens = machine_.output;
    request.server_prefill_seconds = (first - sent) / 4;
    request.server_decode_seconds = now - first;
    samples_.requests.push_back(std::move(request));
    samples_.events.push_back(std::move(events));
  }

  void add_power() {
    if (machine_.watts <= 0) return;
    for (double at = 0; at <= samples_.duration; at += 0.25) {
      samples_.power.push_back(
          {.seconds = at, .watts = around(machine_.watts), .meter = "nvml", .device = "gpu0"});
    }
  }

  Machine machine_;
  int concurrency_;
  std::mt19937_64 random_;
  PointSamples samples_;
};

RunRecord described(const std::string& engine, const std::string& version, double created) {
  return {
      .created_unix = created,
      .state = RunState::kComplete,
      .gate = GateVerdict::kPassed,
      .url = "http://10.0.0.7:8000",
      .model = "DeepSeek-V4-Pro",
      .engine = engine,
      .engine_version = version,
      .hardware = "b200",
      .gpus = 8,
      .precision = "fp4",
      .workload = "8k1k",
      .plan_json =
          R"({"url":"http://10.0.0.7:8000","model":"DeepSeek-V4-Pro","workload":{"workload":"8k1k","seed":7},)"
          R"("points":[{"concurrency":1,"sessions":40},{"concurrency":4,"sessions":40}],"repeats":1})",
      .provenance_json = R"({"hadal":"0.1.0","server":{"engine":")" + engine +
                         R"(","launch_command":")" + engine + R"( serve --build )" + version +
                         R"("}})",
      .gate_json = R"({"schema":"hadal.gate/1","verdict":"passed","checks":[{"id":"level.scores",)"
                   R"("outcome":"passed","value":0.011,"bound":0.05,"text":"scores agree"}]})"};
}

constexpr int kLoads[] = {1, 4, 16, 32, 64};

// Metrics of energy are the meters' business; the page needs one to stand beside the provisioned.
void add_mean_power(PointRecord& point, const PointSamples& samples) {
  if (samples.power.empty()) return;
  double sum = 0;
  for (const PowerSample& sample : samples.power) sum += sample.watts;
  const auto count = static_cast<int64_t>(samples.power.size());
  point.metrics.push_back({.id = "power.mean.gpu_boards/1",
                           .unit = "W",
                           .count = count,
                           .mean = sum / static_cast<double>(count)});
}

std::string save_simulated(RunStore& store, RunRecord run, const Machine& machine, uint64_t seed) {
  std::vector<PointSamples> samples;
  for (const int concurrency : kLoads) {
    samples.push_back(
        Simulation(machine, concurrency, seed + static_cast<uint64_t>(concurrency)).run());
    run.points.push_back(summarise_point(samples.back(), {.concurrency = concurrency},
                                         {.gpus = run.gpus, .objective = {.ttft = 2}}));
    add_mean_power(run.points.back(), samples.back());
  }
  return store.save(run, samples);
}

void write_views(RunStore& store) {
  const double now = kFirstDay + 40 * kDay;
  RunRecord before = described("hadal", "0.1.0-before", now);
  RunRecord after = described("hadal", "0.1.0-after", now + kDay);
  save_simulated(store, before, {.watts = 5200}, 1);
  const std::string newest =
      save_simulated(store, after, {.ttft = 0.12, .tpot = 0.009, .watts = 5600}, 2);
  store.annotate(newest, {.author = "ops", .reason = "new attention kernel, commit 3f2a91c"});
  save_simulated(store, described("vllm", "0.26.1", now + kDay),
                 {.ttft = 0.2, .tpot = 0.012, .many = 60}, 3);

  RunRecord ungated = described("sglang", "0.5.9", now + kDay);
  ungated.gate = GateVerdict::kNotRun;
  ungated.gate_json = "";
  save_simulated(store, ungated, {.tpot = 0.008, .many = 80}, 4);

  RunRecord limited = described("trtllm", "1.3.0", now + kDay);
  std::vector<PointSamples> samples;
  for (const int concurrency : kLoads) {
    samples.push_back(Simulation({.tpot = 0.0085}, concurrency, 50).run());
    samples.back().client.limited = concurrency == 64;
    if (concurrency == 64)
      samples.back().client.reasons = {"its busiest thread took 97 % of a core"};
    limited.points.push_back(
        summarise_point(samples.back(), {.concurrency = concurrency}, {.gpus = limited.gpus}));
  }
  store.save(limited, samples);

  RunRecord partial = described("hadal", "0.1.0-partial", now + 2 * kDay);
  partial.speculation = "mtp1";
  partial.state = RunState::kPartial;
  partial.points.push_back(summarise_point(Simulation({.tpot = 0.007}, 8, 60).run(),
                                           {.concurrency = 8}, {.gpus = partial.gpus}));
  store.save(partial, {}, "interrupted");

  RunRecord agent = described("hadal", "0.1.0-after", now + kDay);
  agent.workload = "conversations";
  save_simulated(store, agent, {.output = 48, .sessions = true}, 5);

  // Whoever serves a model chooses its name.
  const std::string hostile =
      R"(<img src=x onerror="window.__broken=1">"'></script><script>window.__broken=1</script>)";
  RunRecord attack = described(hostile, hostile, now + 3 * kDay);
  attack.model = hostile;
  attack.hardware = hostile;
  attack.precision = hostile;
  attack.speculation = hostile;
  attack.workload = hostile;
  attack.label = hostile;
  attack.url = "javascript:window.__broken=1";
  attack.source = hostile;
  attack.provenance_json =
      R"({"server":{"launch_command":"<img src=x onerror=\"window.__broken=1\"></script>"}})";
  attack.gate_json =
      R"({"checks":[{"id":"<b>x</b>","text":"<img src=x onerror=window.__broken=1>"}]})";
  PointSamples bad = Simulation({}, 4, 70).run();
  bad.requests[3].outcome = RequestOutcome::kFailed;
  bad.requests[3].failure = hostile;
  bad.requests[3].failure_text = hostile;
  bad.client.reasons = {hostile};
  attack.points.push_back(summarise_point(bad, {.concurrency = 4}, {.gpus = attack.gpus}));
  attack.points.back().warnings.push_back(hostile);
  attack.points.back().client = bad.client;
  const std::vector<PointSamples> of_attack = {bad};
  const std::string id = store.save(attack, of_attack, hostile);
  store.annotate(id, {.author = hostile, .reason = hostile});
}

MetricValue value_of(std::string_view id, std::string_view unit, double value, double spread) {
  const Interval ends{.low = value * (1 - spread), .high = value * (1 + spread)};
  return {.id = std::string(id),
          .unit = std::string(unit),
          .count = 640,
          .mean = value,
          .p50 = value,
          .mean_ci95 = ends,
          .p50_ci95 = ends};
}

// Day 0 is 2026-08-01. Levels change on the days below by these factors, more than noise; two
// smaller steps lie within it.
void write_history(RunStore& store) {
  constexpr double kNoise = 0.012;
  std::mt19937_64 random(20260801);
  std::normal_distribution<double> noise(0, kNoise);
  double level = 1;
  for (int day = 0; day < 45; ++day) {
    if (day == 12) level *= 1.18;
    if (day == 20) level *= 1.008;
    if (day == 27) level *= 0.91;
    if (day == 36) level *= 1.4;
    if (day == 40) level *= 0.994;
    RunRecord run = described("hadal", day < 27 ? "0.1.0" : "0.2.0", kFirstDay + day * kDay + 7200);
    run.provenance_json = std::string(R"({"server":{"launch_command":"hadal serve --model pro)") +
                          (day >= 36 ? " --speculate mtp" : "") + R"("}})";
    if (day == 31) {
      run.state = RunState::kFailed;
      store.save(run, {}, "the engine did not get ready within 600 s");
      continue;
    }
    const double factor = level * std::exp(noise(random));
    for (const int concurrency : {4, 16, 64, 256}) {
      const double crowd = 1 + concurrency / 60.0;
      const double user = 80 / crowd;
      const double total = factor * user * concurrency * 9 / 8;
      PointRecord point{.load = {.concurrency = concurrency},
                        .requests = {.attempted = 640, .ok = 640}};
      point.metrics = {value_of(metric_ids::kInteractivityTpot, "tokens/s", user, 0.01),
                       value_of(metric_ids::kTtftFirstToken, "s", 0.2 * crowd, 0.03),
                       value_of(metric_ids::kRateTotalPerGpu, "tokens/s/gpu", total, 0.01),
                       value_of(metric_ids::kRateOutputPerGpu, "tokens/s/gpu", total / 9, 0.01)};
      run.points.push_back(std::move(point));
    }
    store.save(run, {});
  }
}

void write_many(RunStore& store, int count) {
  std::vector<PointRecord> points;
  for (const int concurrency : kLoads) {
    points.push_back(summarise_point(Simulation({}, concurrency, 1).run(),
                                     {.concurrency = concurrency}, {.gpus = 8}));
  }
  const char* const engines[] = {"hadal", "vllm", "sglang", "trtllm"};
  const char* const machines[] = {"b200", "h200", "mi355x", "gb300"};
  for (int i = 0; i < count; ++i) {
    RunRecord run = described(engines[i % 4], "1." + std::to_string(i / 40), kFirstDay + i * 600.0);
    run.hardware = machines[i / 4 % 4];
    run.speculation = i % 3 == 0 ? "mtp1" : "";
    run.points = points;
    store.save(run, {});
  }
}

void write_wide(RunStore& store) {
  for (int i = 0; i < 200; ++i) {
    RunRecord run = described("engine-" + std::to_string(i), "1", kFirstDay + i * 60.0);
    for (int j = 0; j < 50; ++j) {
      const double user = 120 - 2 * j - 0.1 * i;
      PointRecord point{.load = {.concurrency = j + 1}, .requests = {.attempted = 640, .ok = 640}};
      point.metrics = {
          value_of(metric_ids::kInteractivityTpot, "tokens/s", user, 0.01),
          value_of(metric_ids::kRateTotalPerGpu, "tokens/s/gpu", (20.0 + i / 4.0) * (j + 1), 0.01)};
      run.points.push_back(std::move(point));
    }
    store.save(run, {});
  }
}

}  // namespace
}  // namespace hadal

int main(int argc, char** argv) {
  const std::string kind = argc > 2 ? argv[2] : "";
  try {
    hadal::RunStore store = hadal::RunStore::open(argc > 1 ? argv[1] : "");
    if (kind == "views") {
      hadal::write_views(store);
    } else if (kind == "history") {
      hadal::write_history(store);
    } else if (kind == "wide") {
      hadal::write_wide(store);
    } else if (kind == "many" && argc > 3) {
      hadal::write_many(store, std::atoi(argv[3]));
    } else {
      std::fputs("usage: fixture_store STORE views|history|many|wide [COUNT]\n", stderr);
      return 2;
    }
  } catch (const hadal::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
