// hadal measure run, quick and compare.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <utility>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/gate_run.h"
#include "cli/measure_costs.h"
#include "cli/measure_observer.h"
#include "cli/measure_setup.h"
#include "cli/stop_signals.h"
#include "cli/terminal.h"
#include "measure/meters/engine_metrics.h"
#include "measure/meters/engine_recorder.h"
#include "measure/meters/http_get.h"
#include "measure/meters/open_meters.h"
#include "measure/meters/power_recorder.h"
#include "measure/run/answer_check.h"
#include "measure/run/comparison.h"
#include "measure/run/quick.h"
#include "measure/run/report.h"
#include "measure/store/run_json.h"
#include "measure/sweep/sweep.h"

namespace hadal {
namespace {

constexpr auto kRunPatience = std::chrono::seconds(30);

// Ctrl-C ends the load and keeps what was measured. Only while there is a load: before it, it ends
// the program.
class StopFlag {
 public:
  StopFlag() : reaction_([this] { stop_ = true; }, kRunPatience) {}
  const std::atomic<bool>& flag() const { return stop_; }

 private:
  std::atomic<bool> stop_ = false;
  StopReaction reaction_;
};

// The meters that were asked for, reading since before the load.
struct Meters {
  std::unique_ptr<PowerRecorder> recorder = {};  // null: there are none
  std::vector<std::string> names = {};
  RunningMeters running = {};
};

Meters start_meters(const ParsedLine& line) {
  Meters meters;
  PowerMeters opened = open_meters(line.list(option::kPower));
  if (opened.empty()) return meters;
  meters.recorder = std::make_unique<PowerRecorder>(
      std::move(opened), PowerRecorderOptions{.clock = monotonic_seconds});
  bool any_measures = false;
  for (const MeterDescription& meter : meters.recorder->meters()) {
    meters.names.push_back(meter.name);
    any_measures |= !is_provisioned(meter.name);
  }
  meters.recorder->start();
  meters.running.recorder = meters.recorder.get();
  if (any_measures) {
    constexpr double kIdleSeconds = 5;
    write_err(fmt::format("measuring power without load for {:.0f} s\n", kIdleSeconds));
    meters.running.idle = meters.recorder->measure_idle(kIdleSeconds);
  }
  return meters;
}

// The engine's own figures, where it is one whose names are known and its page can be read.
std::unique_ptr<EngineRecorder> start_engine_recorder(Endpoint& endpoint) {
  if (!has_engine_metrics(endpoint.engine)) return nullptr;
  constexpr double kPageSeconds = 5;
  const std::string page = endpoint.base + "/metrics";
  try {
    auto recorder =
        std::make_unique<EngineRecorder>(EngineRecorderArgs{.url = page,
                                                            .engine = endpoint.engine,
                                                            .version = endpoint.engine_version,
                                                            .get = http_get(kPageSeconds),
                                                            .clock = monotonic_seconds});
    for (const std::string& family : recorder->missing()) {
      endpoint.notes.push_back("its /metrics lacks " + family + ", which this version should have");
    }
    return recorder;
  } catch (const Error& error) {
    endpoint.notes.push_back("its own figures are not kept: " + page + " " + error.parts().what);
    return nullptr;
  }
}

void say_meters(const PowerRecorder* power) {
  if (power == nullptr) return;
  for (const std::string& warning : power->warnings()) {
    write_err("power: " + terminal_safe(warning) + "\n");
  }
}

Endpoint find_endpoint(const ParsedLine& line, const std::string& url) {
  EndpointOptions options = endpoint_options(line, url);
  // What has a minute does not wait two for a probe.
  if (line.command == Command::kMeasureQuick) {
    options.timeout = std::min(options.timeout, line.value(option::kDuration));
  }
  if (errors_are_terminal()) write_err(fmt::format("asking {}\n", base_url(url)));
  return probe_endpoint(options);
}

void say_endpoint(const Endpoint& endpoint) {
  write_err(
      fmt::format("{}: model {}{}{}, {}{}\n", endpoint.base, printable(endpoint.model),
                  endpoint.engine.empty() ? "" : ", engine " + printable(endpoint.engine),
                  endpoint.engine_version.empty() ? "" : " " + printable(endpoint.engine_version),
                  endpoint.is_chat ? "chat completions" : "completions",
                  endpoint.takes_token_ids ? " with token ids" : ", texts of confirmed lengths"));
  for (const std::string& note : endpoint.notes) {
    write_err("note: " + terminal_safe(note) + "\n");
  }
}

// The measured is kept before anything is computed of it.
int finish(const ParsedLine& line, const RunRecord& run, const std::string& reason,
           bool lost_store) {
  if (line.has(option::kJson)) write_out(run_to_json(run) + "\n");
  if (!reason.empty()) write_err("hadal: " + terminal_safe(reason) + "\n");
  const int status = exit_status(run.state, run.gate);
  return status == 0 && lost_store ? kExitNotKept : status;
}

}  // namespace

int measure_run_command(const ParsedLine& line) {
  Endpoint endpoint = find_endpoint(line, line.value(option::kUrl));
  const MeasureOptions options = measure_options(line, endpoint);
  const std::optional<CostBasis> costs = cost_basis(line);
  if (line.has(option::kDryRun)) {
    write_out(describe_plan(endpoint, options) + "\n");
    return 0;
  }
  const bool json = line.has(option::kJson);
  const std::unique_ptr<EngineRecorder> engine = start_engine_recorder(endpoint);
  if (!json) say_endpoint(endpoint);
  std::optional<RunStore> store = open_store(line);
  RunStore* const kept = store ? &*store : nullptr;
  Meters meters = start_meters(line);
  meters.running.engine = engine.get();
  std::string plan = describe_plan(endpoint, options);
  if (const auto mark = line.get(option::kMark)) plan = with_mark(plan, *mark);
  RunRecord run = run_description(line, endpoint, options.workload.name, plan, meters.names);
  run.label = line.get(option::kLabel).value_or("");
  MeasureWatcher watcher(kept, "", json && !errors_are_terminal());
  watcher.begin(run);
  if (pass_gate(line, endpoint, run)) watcher.gate(run);
  const StopFlag stop;
  const MeasureOutcome outcome = measure(endpoint, options, meters.running, watcher, stop.flag());
  run.points = outcome.points;
  run.state = outcome.state;
  watcher.end(run, outcome.reason);
  say_meters(meters.recorder.get());
  if (!json) {
    write_out("\n" + points_table(run.points));
    if (const std::string chart = throughput_chart(run.points); !chart.empty()) {
      write_out("\n" + chart);
    }
    if (costs) write_out(best_costs(*costs, run.points, watcher.phases()));
    write_out("\n" + gate_sentence(run) + "\n");
  }
  return finish(line, run, outcome.reason, watcher.lost_store());
}

int measure_quick_command(const ParsedLine& line) {
  const Endpoint endpoint = find_endpoint(line, line.value(option::kUrl));
  const bool json = line.has(option::kJson);
  if (!json) say_endpoint(endpoint);
  std::optional<CostBasis> costs = cost_basis(line);
  QuickOptions options;
  options.seconds = line.value(option::kDuration);
  options.seed = load_seed(line);
  options.threads = line.value(option::kClientThreads);
  options.point.gpus = line.get(option::kGpus).value_or(0);
  if (const auto ttft = line.get(option::kSloTtft)) options.objective.ttft = *ttft;
  if (const auto tpot = line.get(option::kSloTpot)) options.objective.tpot = *tpot;
  options.objective.e2e = line.get(option::kSloE2e);
  options.choice = choose_quick_workload(endpoint, options);
  std::optional<RunStore> store = open_store(line);
  RunStore* const kept = store ? &*store : nullptr;
  const Meters meters = start_meters(line);
  RunRecord run = run_description(line, endpoint, options.choice.workload,
                                  describe_quick_plan(endpoint, options), meters.names);
  MeasureWatcher watcher(kept, "", json && !errors_are_terminal());
  watcher.begin(run);
  if (pass_gate(line, endpoint, run)) watcher.gate(run);
  const StopFlag stop;
  std::string rightness = gate_sentence(run);
  if (!json && run.gate == GateVerdict::kNotRun) {
    constexpr double kShare = 0.25;  // of the time
    rightness = answer_check_text(check_answers(endpoint, kShare * options.seconds, stop.flag()));
  }
  const QuickOutcome outcome =
      measure_quick(endpoint, options, meters.running, watcher, stop.flag());
  run.points = outcome.measured.points;
  run.state = outcome.measured.state;
  watcher.end(run, outcome.measured.reason);
  say_meters(meters.recorder.get());
  if (!json) {
    write_out("\n" + verdict_text(outcome.verdict) + "\n" + throughput_chart(run.points) + "\n" +
              points_table(run.points));
    write_out("\nAnswers: " + rightness + "\n");
    if (!costs) {
      costs = CostBasis{
          .input = {.gpus = 1,
                    .own =
                        DeploymentCosts{.name = "assumed", .gpus = 1, .rent_usd_per_gpu_hour = 1}},
          .note =
              "no price was given: $1 an hour for the whole machine is assumed; "
              "multiply by yours, or give --price and --gpus, --hardware or --costs"};
    }
    write_out(best_costs(*costs, run.points, watcher.phases(), outcome.verdict.users));
  }
  return finish(line, run, outcome.measured.reason, watcher.lost_store());
}

int measure_compare_command(const ParsedLine& line) {
  Endpoint a = find_endpoint(line, line.value(option::kA));
  Endpoint b = find_endpoint(line, line.value(option::kB));
  const bool json = line.has(option::kJson);
  if (!json) {
    say_endpoint(a);
    say_endpoint(b);
  }
  if (a.context && b.context) a.context = b.context = std::min(*a.context, *b.context);
  const MeasureOptions options = measure_options(line, a);
  if (!json && a.takes_token_ids != b.takes_token_ids) {
    write_err(
        "note: one takes token ids and the other texts, so that their prompts differ in form\n");
  }
  std::optional<RunStore> store = open_store(line);
  RunStore* const kept = store ? &*store : nullptr;
  RunRecord run_a = run_description(line, a, options.workload.name, describe_plan(a, options));
  RunRecord run_b = run_description(line, b, options.workload.name, describe_plan(b, options));
  const bool quiet = json && !errors_are_terminal();
  MeasureWatcher watcher_a(kept, "A: ", quiet);
  MeasureWatcher watcher_b(kept, "B: ", quiet);
  watcher_a.begin(run_a);
  watcher_b.begin(run_b);
  const StopFlag stop;
  const ComparisonOutcome outcome = compare_endpoints(
      a, b, options, line.value(option::kBlocks),
      [&](bool is_b) -> MeasureObserver& { return is_b ? watcher_b : watcher_a; }, stop.flag());
  const auto end = [](RunRecord& run, const MeasureOutcome& measured, MeasureWatcher& watcher) {
    run.state = measured.state;
    run.points = measured.points;
    watcher.end(run, measured.reason);
  };
  end(run_a, outcome.a, watcher_a);
  end(run_b, outcome.b, watcher_b);
  if (json) {
    write_out(comparison_json(outcome, run_a.id, run_b.id) + "\n");
  } else {
    write_out("\n" + comparison_table(outcome));
  }
  for (const auto& [name, measured] : {std::pair("A", &outcome.a), std::pair("B", &outcome.b)}) {
    if (measured->reason.empty()) continue;
    write_err(fmt::format("hadal: {}: {}\n", name, terminal_safe(measured->reason)));
  }
  const int status = std::max(exit_status(outcome.a.state, GateVerdict::kNotRun),
                              exit_status(outcome.b.state, GateVerdict::kNotRun));
  return status == 0 && (watcher_a.lost_store() || watcher_b.lost_store()) ? kExitNotKept : status;
}

}  // namespace hadal
