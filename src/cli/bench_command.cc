// hadal bench: how fast this machine is, its kernels and its models.
#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "bench/kernels/kernel_bench.h"
#include "bench/load/cache_bench.h"
#include "bench/load/engine_bench.h"
#include "bench/steps/model_bench.h"
#include "cli/commands.h"
#include "cli/model_setup.h"
#include "cli/terminal.h"

namespace hadal {
namespace {

constexpr int kMostRequestsTogether = 1024;

// The options that not every measurement has, and which have them.
struct PartialOption {
  std::string_view name;
  std::vector<std::string_view> measurements;
};

const std::vector<PartialOption>& partial_options() {
  static const std::vector<PartialOption> kOptions = {
      {"model", {"decode", "prefill", "engine"}},
      {"difference", {"decode", "prefill"}},
      {"context", {"decode", "prefill"}},
      {"batch", {"decode", "prefill"}},
      {"tokens", {"decode", "prefill"}},
      {"repack-cache", {"decode", "prefill", "engine"}},
      {"filter", {"kernels"}},
      {"quick", {"kernels"}},
      {"isa", {"kernels", "decode", "prefill", "engine"}},
      {"requests", {"cache", "engine"}},
      {"layout", {"cache"}},
      {"seed", {"cache"}},
      {"kv-memory", {"cache", "engine"}},
      {"soak", {"engine"}},
      {"long-prompt", {"engine"}},
  };
  return kOptions;
}

void refuse_foreign_options(const ParsedLine& line, const std::string& what) {
  for (const PartialOption& option : partial_options()) {
    const auto& of = option.measurements;
    if (!line.text(option.name) || std::find(of.begin(), of.end(), what) != of.end()) continue;
    std::string owners;
    for (size_t i = 0; i < of.size(); ++i) {
      owners += i == 0 ? "" : i + 1 == of.size() ? " and " : ", ";
      owners += of[i];
    }
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--" + std::string(option.name),
                 .what = "has no meaning for hadal bench " + what,
                 .remedy = "it belongs to hadal bench " + owners});
  }
}

Isa isa_option(const ParsedLine& line) {
  const std::optional<std::string> name = line.text("isa");
  return name ? isa_from_name(*name).value() : best_isa();
}

// On a terminal only: a measurement whose output is kept should not be disturbed by lines.
BenchProgress shown_on(Progress& progress) {
  if (!errors_are_terminal()) return {};
  return [&](size_t done, size_t total) { progress.update(done, total); };
}

// Whoever reads a figure wants to know why it was measured with so many threads.
void write_report(const ParsedLine& line, const std::string& json, const std::string& text) {
  write_out(line.flag("json") ? json : text + "\n" + describe_thread_count(line) + "\n");
}

int bench_kernels_command(const ParsedLine& line) {
  Progress progress("measuring", "figures", std::chrono::milliseconds(0));
  KernelBenchOptions options;
  options.threads = thread_count(line);
  options.isa = isa_option(line);
  options.filter = line.text("filter").value_or("");
  options.quick = line.flag("quick");
  if (options.quick) options.timing.least_seconds = 0.005;
  options.progress = shown_on(progress);
  const KernelReport report = bench_kernels(options);
  progress.finish();
  write_report(line, kernel_report_json(report), kernel_report_text(report));
  return 0;
}

int bench_model_command(const ParsedLine& line, BenchKind kind) {
  const ModelDirectory directory = model_directory(line);
  Progress progress("measuring", "steps", std::chrono::milliseconds(0));
  ModelBenchOptions options;
  options.kind = kind;
  options.context = static_cast<int>(line.integer("context").value_or(options.context));
  options.batch = static_cast<int>(line.integer("batch").value_or(options.batch));
  options.tokens = static_cast<int>(line.integer("tokens").value_or(options.tokens));
  options.threads = thread_count(line);
  options.model = model_options(line, directory);
  options.progress = shown_on(progress);
  ModelReport report = bench_model(directory.path(), line.text("difference").value_or(""), options);
  report.figures.model = directory.name();
  progress.finish();
  write_report(line, model_report_json(report), model_report_text(report));
  return 0;
}

int bench_cache_command(const ParsedLine& line) {
  Progress progress("simulating", "requests", std::chrono::milliseconds(0));
  CacheBenchOptions options;
  if (const auto layout = line.text("layout")) options.models = {*layout};
  CacheSimulationOptions& simulation = options.simulation;
  simulation.traffic.requests =
      static_cast<int>(line.integer("requests").value_or(simulation.traffic.requests));
  // As busy as a day of 100,000 requests, however few there are.
  simulation.traffic.seconds = 0.864 * simulation.traffic.requests;
  simulation.traffic.seed = static_cast<uint64_t>(line.integer("seed").value_or(1));
  simulation.pool_bytes = line.size("kv-memory").value_or(simulation.pool_bytes);
  options.progress = shown_on(progress);
  const CacheBenchReport report = bench_cache(options);
  progress.finish();
  write_out(line.flag("json") ? cache_report_json(report) : cache_report_text(report));
  return report.sound() ? 0 : 1;
}

// One line that changes while something is measured, on a terminal only.
class StageLine {
 public:
  ~StageLine() { show(""); }
  void show(const std::string& text) {
    if (errors_are_terminal()) write_err("\r\x1b[K" + text);
  }
};

int bench_engine_command(const ParsedLine& line) {
  const ModelDirectory directory = model_directory(line);
  EngineBenchOptions options;
  options.model = model_options(line, directory);
  options.threads = thread_count(line);
  options.requests = static_cast<int>(line.integer("requests").value_or(options.requests));
  options.long_prompt = static_cast<int>(line.integer("long-prompt").value_or(options.long_prompt));
  options.kv_memory = line.size("kv-memory").value_or(0);
  if (options.requests > kMostRequestsTogether) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--requests",
                 .what = "is too many for requests computed together",
                 .remedy = "give " + std::to_string(kMostRequestsTogether) + " at most"});
  }
  StageLine stage;
  options.progress = [&](const std::string& what) { stage.show(what); };
  if (const std::optional<double> minutes = line.number("soak")) {
    options.soak = SoakOptions{
        .seconds = 60 * *minutes, .running = options.requests, .kv_memory = options.kv_memory};
    options.soak->progress = [&](double seconds, int64_t finished, size_t bytes) {
      stage.show(std::to_string(static_cast<int>(seconds)) + " s, " + std::to_string(finished) +
                 " requests, " + std::to_string(bytes >> 20) + " MiB");
    };
  }
  EngineReport report = bench_engine(directory.path(), options);
  report.model = directory.name();
  stage.show("");
  write_report(line, engine_report_json(report), engine_report_text(report));
  return report.soak && !report.soak->sound() ? 1 : 0;
}

}  // namespace

int bench_command(const ParsedLine& line) {
  const std::string what = line.required_text("WHAT");
  refuse_foreign_options(line, what);
  if (what == "kernels") return bench_kernels_command(line);
  if (what == "cache") return bench_cache_command(line);
  if (what == "engine") return bench_engine_command(line);
  return bench_model_command(line, what == "decode" ? BenchKind::kDecode : BenchKind::kPrefill);
}

}  // namespace hadal
