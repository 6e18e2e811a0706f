// hadal measure runs: what was kept.
#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "cli/commands.h"
#include "cli/measure_costs.h"
#include "cli/measure_setup.h"
#include "cli/terminal.h"
#include "measure/exchange/export.h"
#include "measure/exchange/import.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"
#include "measure/store/bundle.h"
#include "measure/store/run_comparison.h"
#include "measure/store/run_json.h"
#include "measure/store/run_report.h"

namespace hadal {
namespace {

RunStore required_store(const ParsedLine& line, StoreAccess access) {
  std::optional<RunStore> store = open_store(line, access);
  if (store) return std::move(*store);
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "--store",
               .what = "is none",
               .remedy = "name the store that runs are kept in"});
}

std::string resolved(RunStore& store, const std::string& name) {
  if (name != "last") return store.resolve(name);
  const std::vector<RunSummary> newest = store.list({.most = 1});
  if (!newest.empty()) return newest.front().run.id;
  throw Error({.code = ErrorCode::kNotFound,
               .where = store.name(),
               .what = "has no runs yet",
               .remedy = "measure one: hadal measure quick --url http://127.0.0.1:8000"});
}

int list_runs(const ParsedLine& line) {
  RunStore store = required_store(line, StoreAccess::kRead);
  const std::vector<RunSummary> runs =
      store.list({.model = line.get(option::kServedModel).value_or(""),
                  .engine = line.get(option::kEngine).value_or(""),
                  .hardware = line.get(option::kHardware).value_or(""),
                  .workload = line.get(option::kWorkload).value_or(""),
                  .most = static_cast<size_t>(line.value(option::kLast))});
  write_data(line.has(option::kJson) ? runs_json(runs) + "\n" : runs_text(runs));
  return 0;
}

int show_run(const ParsedLine& line) {
  RunStore store = required_store(line, StoreAccess::kRead);
  const StoredRun run = store.load(resolved(store, line.argument(argument::kRun)));
  write_data(line.has(option::kJson) ? run_to_json(run.run) + "\n" : run_text(run));
  return 0;
}

int compare_stored_runs(const ParsedLine& line) {
  RunStore store = required_store(line, StoreAccess::kRead);
  const RunRecord a = store.load(resolved(store, line.argument(argument::kRun))).run;
  const RunRecord b = store.load(resolved(store, line.argument(argument::kOtherRun))).run;
  const RunComparison comparison = compare_runs(a, b);
  write_data(line.has(option::kJson) ? comparison_json(comparison, a, b) + "\n"
                                     : comparison_text(comparison, a, b));
  return 0;
}

int annotate_run(const ParsedLine& line) {
  RunStore store = required_store(line, StoreAccess::kWrite);
  const char* user = std::getenv("USER");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  const std::string id = resolved(store, line.argument(argument::kRun));
  store.annotate(id, {.author = line.get(option::kAuthor).value_or(user == nullptr ? "" : user),
                      .field = line.get(option::kField).value_or(""),
                      .value = line.get(option::kValue).value_or(""),
                      .reason = line.argument(argument::kText)});
  write_err("noted at run " + id + "\n");
  return 0;
}

OpenCostGauges gauges_of(const ParsedLine& line, const RunRecord& run) {
  const auto price = line.get(option::kPrice);
  if (!price || run.gpus == 0 || run.points.empty()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--format opencost",
                 .what = "needs a price, the number of accelerators and a point",
                 .remedy = "give --price; hadal measure runs annotate --field gpus says how many"});
  }
  const PointRecord& point = *std::max_element(
      run.points.begin(), run.points.end(),
      [](const auto& a, const auto& b) { return output_rate(a) < output_rate(b); });
  const double dollars = *price * run.gpus;
  const auto per_million = [&](std::string_view id) -> std::optional<double> {
    const std::optional<double> rate = metric_mean(point, id);
    constexpr double kMillionPerHour = 1e6 / 3600;
    if (!rate || !(*rate > 0)) return std::nullopt;
    return dollars * kMillionPerHour / *rate;
  };
  return {.model_name = run.model,
          .model_version = run.engine_version,
          .total_cost = dollars,
          .cost_per_million_tokens = per_million(metric_ids::kRateTotal),
          .input_cost_per_million_tokens = per_million(metric_ids::kRateInput),
          .output_cost_per_million_tokens = per_million(metric_ids::kRateOutput)};
}

std::string exported(const ParsedLine& line, RunStore& store, const RunRecord& run) {
  const std::string format = line.value(option::kFormat);
  if (format == "json") return run_to_json(run) + "\n";
  if (format == "csv") return export_csv({run});
  if (format == "inferencex") return export_inferencex({run});
  if (format == "opencost") return export_opencost({gauges_of(line, run)});
  std::string text;
  for (size_t i = 0; i < run.points.size(); ++i) {
    if (format == "jsonl") {
      export_requests(run, run.points[i], store.load_samples(run.id, static_cast<int64_t>(i)),
                      [&](std::string_view row) { text += row; });
    } else {
      const bool yaml = format == "benchmark-report";
      if (yaml && i > 0) text += "---\n";
      text += export_benchmark_report(run, run.points[i],
                                      yaml ? ReportForm::kYaml : ReportForm::kJson, HADAL_VERSION);
    }
  }
  return text;
}

int export_run(const ParsedLine& line) {
  RunStore store = required_store(line, StoreAccess::kRead);
  const RunRecord run = store.load(resolved(store, line.argument(argument::kRun))).run;
  const std::string text = exported(line, store, run);
  if (const auto path = line.get(option::kOutput)) {
    AtomicFile file(*path);
    file.write(text);
    file.commit();
  } else {
    write_data(text);
  }
  return 0;
}

int import_runs(const ParsedLine& line) {
  RunStore store = required_store(line, StoreAccess::kWrite);
  const std::string& path = line.argument(argument::kFile);
  if (std::string_view(path).ends_with(kBundleSuffix)) {
    const BundleImport imported = import_bundle(store, path);
    write_err(fmt::format("run {} {}\n", imported.run_id,
                          imported.added ? "was added" : "was there already"));
    return 0;
  }
  std::optional<ImportFormat> format;
  if (const auto name = line.get(option::kFormat)) format = find_import_format(*name);
  const Imported imported =
      import_file(path, {.format = format, .gpus = line.get(option::kGpus).value_or(0)});
  std::vector<RunRecord> kept;
  for (size_t i = 0; i < imported.runs.size(); ++i) {
    RunRecord run = imported.runs[i];
    if (const auto hardware = line.get(option::kHardware)) run.hardware = *hardware;
    if (run.state == RunState::kRunning) run.state = RunState::kComplete;
    std::vector<PointSamples> samples;
    for (const ImportedSamples& point : imported.samples) {
      if (point.run != i) continue;
      samples.resize(run.points.size());
      samples[point.point] = point.samples;
    }
    run.id = store.save(run, samples);
    kept.push_back(std::move(run));
  }
  if (line.has(option::kJson)) {
    for (const RunRecord& run : kept) write_data(run_to_json(run) + "\n");
    return 0;
  }
  for (const RunRecord& run : kept) {
    write_out(fmt::format("run {}: {} points from {}\n", run.id, run.points.size(),
                          import_format_name(imported.format)));
    for (const PointRecord& point : run.points) {
      for (const std::string& warning : point.warnings) {
        write_err("warning: " + terminal_safe(warning) + "\n");
      }
    }
  }
  return 0;
}

}  // namespace

int measure_runs_command(const ParsedLine& line) {
  switch (line.command.value()) {
    case Command::kRunsList:
      return list_runs(line);
    case Command::kRunsShow:
      return show_run(line);
    case Command::kRunsCompare:
      return compare_stored_runs(line);
    case Command::kRunsAnnotate:
      return annotate_run(line);
    case Command::kRunsExport:
      return export_run(line);
    case Command::kRunsImport:
      return import_runs(line);
    case Command::kRunsBundle: {
      RunStore store = required_store(line, StoreAccess::kWrite);
      const std::string id = resolved(store, line.argument(argument::kRun));
      export_bundle(store, id, line.argument(argument::kFile));
      write_err("run " + id + " is in " + line.argument(argument::kFile) + "\n");
      return 0;
    }
    default: {
      const BundleInfo info = check_bundle(line.argument(argument::kFile));
      write_out(fmt::format("run {} is as it was written (sha256 {})\n", info.run_id, info.sha256));
      return 0;
    }
  }
}

}  // namespace hadal
