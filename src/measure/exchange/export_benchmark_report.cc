#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/checksum.h"
#include "json/python_json.h"
#include "measure/exchange/benchmark_report.h"
#include "measure/exchange/export.h"
#include "measure/exchange/point_builder.h"
#include "measure/exchange/record_json.h"
#include "measure/exchange/yaml_writer.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

ordered_json member(const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? ordered_json() : *found;
}

// How the report names the tool that measured.
std::string tool_of(const RunRecord& run, const ordered_json& provenance) {
  if (run.origin == "measured") return "hadal";
  if (const ordered_json tool = member(provenance, "tool"); tool.is_string()) {
    return tool.get<std::string>();
  }
  constexpr std::pair<std::string_view, std::string_view> kBySource[] = {
      {"inferencex", "inferencemax"}, {"vllm-bench", "vllm-benchmark"},
      {"guidellm", "guidellm"},       {"inference-perf", "inference-perf"},
      {"aiperf", "aiperf"},
  };
  for (const auto& [prefix, tool] : kBySource) {
    if (run.source.starts_with(prefix)) return std::string(tool);
  }
  return "unknown";
}

class ReportWriter {
 public:
  ReportWriter(const RunRecord& run, const PointRecord& point, std::string_view tool_version)
      : run_(run),
        point_(point),
        plan_(stored_object(run.plan_json)),
        provenance_(stored_object(run.provenance_json)),
        extra_(stored_object(point.extra_json)),
        tool_(tool_of(run, provenance_)),
        tool_version_(tool_version) {}

  ordered_json write() {
    ordered_json report = {{"version", kBenchmarkReportVersion}, {"run", run_section()}};
    ordered_json scenario = ordered_json::object();
    if (ordered_json stack = stack_section(); !stack.empty()) scenario["stack"] = std::move(stack);
    if (ordered_json load = load_section(); !load.empty()) scenario["load"] = std::move(load);
    if (!scenario.empty()) report["scenario"] = std::move(scenario);
    report["results"] = results_section();
    return report;
  }

 private:
  ordered_json run_section() const {
    if (ordered_json kept = member(provenance_, "run"); kept.is_object()) return kept;
    ordered_json time = ordered_json::object();
    if (run_.created_unix > 0) time["start"] = format_time(run_.created_unix);
    const double seconds = point_.window.end - point_.window.begin;
    if (seconds > 0) time["duration"] = "PT" + fmt::format("{}", seconds) + "S";
    std::string uid = run_.id;
    const std::string run_text = dump_json(run_object(run_));
    if (uid.empty()) uid = "unstored-" + to_hex(checksum(std::as_bytes(std::span(run_text))));
    return {{"uid", uid}, {"time", time}, {"description", description()}};
  }

  std::string description() const {
    std::string text = run_.model + " " + run_.workload;
    if (point_.load.concurrency)
      text += fmt::format(" at concurrency {}", *point_.load.concurrency);
    if (point_.load.rate) text += fmt::format(" at {} requests/s", *point_.load.rate);
    return text;
  }

  ordered_json engine(std::string_view role, int gpus) const {
    ordered_json parallelism = ordered_json::object();
    const ordered_json topology = member(provenance_, "topology");
    for (const char* key : {"tp", "ep", "pp"}) {
      const ordered_json value = topology.is_object() ? member(topology, key) : ordered_json();
      if (value.is_number_integer() && value >= 1) parallelism[key] = value;
    }
    return {{"metadata", {{"label", role}, {"cfg_id", "0"}}},
            {"standardized",
             {{"kind", "inference_engine"},
              {"tool", run_.engine},
              {"tool_version", run_.engine_version},
              {"role", role},
              {"replicas", 1},
              {"model", {{"name", run_.model}}},
              {"accelerator",
               {{"model", run_.hardware}, {"count", gpus}, {"parallelism", parallelism}}}}},
            {"native", ordered_json::object()}};
  }

  ordered_json stack_section() const {
    if (ordered_json kept = member(provenance_, "stack"); kept.is_array()) return kept;
    if (run_.gpus == 0) return ordered_json::array();
    if (run_.prefill_gpus > 0 && run_.decode_gpus > 0) {
      return ordered_json::array(
          {engine("prefill", run_.prefill_gpus), engine("decode", run_.decode_gpus)});
    }
    return ordered_json::array({engine("replica", run_.gpus)});
  }

  ordered_json load_section() const {
    if (plan_.contains("standardized")) {
      ordered_json load = plan_;
      ordered_json& standard = load["standardized"];
      if (standard.is_object() && member(standard, "concurrency") == "inf") {
        standard["concurrency"] = HUGE_VAL;
      }
      return load;
    }
    const auto length = [&](const char* key, const MetricName& name) -> std::optional<double> {
      if (const ordered_json asked = member(plan_, key); asked.is_number()) {
        return asked.get<double>();
      }
      for (const MetricValue& value : point_.metrics) {
        if (value.id == name.id) return value.mean;
      }
      return std::nullopt;
    };
    const std::optional<double> input = length("isl", metric::kInputTokens);
    const std::optional<double> output = length("osl", metric::kOutputTokens);
    if (!input.has_value()) return ordered_json::object();
    ordered_json standard = {{"tool", tool_},
                             {"tool_version", tool_version_},
                             {"source", "unknown"},
                             {"input_seq_len", {{"distribution", "other"}, {"value", *input}}}};
    if (output) standard["output_seq_len"] = {{"distribution", "other"}, {"value", *output}};
    if (point_.load.rate.value_or(0) > 0) standard["rate_qps"] = *point_.load.rate;
    if (point_.load.concurrency) standard["concurrency"] = *point_.load.concurrency;
    return {{"metadata", ordered_json::object()},
            {"standardized", std::move(standard)},
            {"native", ordered_json::object()}};
  }

  ordered_json results_section() {
    ordered_json aggregate = {{"requests", requests()}};
    for (const MetricValue& value : point_.metrics) place(value, aggregate);
    ordered_json results = {{"request_performance", {{"aggregate", std::move(aggregate)}}}};
    restore_sections(results);
    if (!results.contains("profiling")) results["profiling"] = ordered_json::object();
    if (!results["profiling"].is_object()) results["profiling"] = {{"kept", results["profiling"]}};
    results["profiling"]["hadal"] = own_section();
    return results;
  }

  ordered_json requests() const {
    const RequestCounts& counts = point_.requests;
    return {
        {"total", counts.attempted}, {"failures", counts.failed}, {"incomplete", counts.cancelled}};
  }

  // Into the report's own place where it can say all of the metric; otherwise into ours.
  void place(const MetricValue& value, ordered_json& aggregate) {
    const ReportPlace itl{"latency", "inter_token_latency", report_itl(tool_), "s/token"};
    const ReportPlace* place = nullptr;
    if (itl.name.id == value.id) place = &itl;
    for (const ReportPlace& known : kReportPlaces) {
      if (known.name.id == value.id && known.name.unit == value.unit) place = &known;
    }
    const bool has_intervals = std::any_of(
        std::begin(kMetricFigures), std::end(kMetricFigures),
        [&](const MetricFigure& figure) { return (value.*figure.interval).has_value(); });
    if (place == nullptr || !value.mean) {
      own_metrics_.push_back(metric_to_json(value));
      return;
    }
    if (has_intervals || value.count != 0) own_metrics_.push_back(metric_to_json(value));
    ordered_json figures = {{"units", place->unit}};
    for (const MetricFigure& figure : kMetricFigures) {
      if ((value.*figure.figure).has_value()) {
        figures[std::string(figure.name)] = *(value.*figure.figure);
      }
    }
    const auto statistics = extra_.find("statistics");
    if (statistics != extra_.end() && statistics->contains(value.id)) {
      for (const ReportStatistic& known : kReportStatistics) {
        const std::string key(known.statistic);
        ordered_json& kept = (*statistics)[value.id];
        if (!kept.contains(key)) continue;
        figures[std::string(known.key)] = kept[key];
        kept.erase(key);
      }
    }
    aggregate[std::string(place->group)][std::string(place->key)] = std::move(figures);
  }

  // What an import kept of a report, back in its place.
  void restore_sections(ordered_json& results) {
    const auto fields = extra_.find("fields");
    if (fields == extra_.end() || !fields->is_object()) return;
    ordered_json others = ordered_json::object();
    constexpr std::string_view kPrefix = "results.";
    constexpr std::string_view kAggregate = "results.request_performance.aggregate.";
    for (const auto& [key, value] : fields->items()) {
      const std::string_view path = key;
      if (path.starts_with(kAggregate)) {
        const std::string_view rest = path.substr(kAggregate.size());
        const size_t dot = rest.find('.');
        results["request_performance"]["aggregate"][std::string(rest.substr(0, dot))]
               [std::string(rest.substr(dot + 1))] = value;
      } else if (path == "results.request_performance.time_series") {
        results["request_performance"]["time_series"] = value;
      } else if (path.starts_with(kPrefix) && path != "results.request_performance") {
        results[std::string(path.substr(kPrefix.size()))] = value;
      } else {
        others[key] = value;
      }
    }
    *fields = std::move(others);
  }

  ordered_json own_section() const {
    ordered_json own = {{"run", run_object(run_)},
                        {"load", load_to_json(point_.load)},
                        {"window",
                         {{"kind", point_.window.kind},
                          {"rule", point_.window.rule},
                          {"begin", point_.window.begin},
                          {"end", point_.window.end}}}};
    if (point_.repeat != 0) own["repeat"] = point_.repeat;
    // What its inter-token latency is, where there are no lengths and so no scenario to say it.
    own["tool"] = tool_;
    if (!own_metrics_.empty()) own["metrics"] = own_metrics_;
    ordered_json full = ordered_json::array();
    for (const MetricValue& value : point_.full_run_metrics) full.push_back(metric_to_json(value));
    if (!full.empty()) own["full_run_metrics"] = std::move(full);
    if (ordered_json client = client_to_json(point_.client); !client.empty()) {
      own["client"] = std::move(client);
    }
    own["warnings"] = point_.warnings;
    if (!extra_.empty()) own["extra"] = extra_;
    return own;
  }

  const RunRecord& run_;
  const PointRecord& point_;
  ordered_json plan_;
  ordered_json provenance_;
  ordered_json extra_;
  std::string tool_;
  std::string tool_version_;
  ordered_json own_metrics_ = ordered_json::array();
};

// JSON has no infinity; an unlimited concurrency is one that is not told.
void drop_infinite(ordered_json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) value = nullptr;
  if (value.is_structured()) {
    for (ordered_json& item : value) drop_infinite(item);
  }
}

}  // namespace

std::string export_benchmark_report(const RunRecord& run, const PointRecord& point, ReportForm form,
                                    std::string_view tool_version) {
  ordered_json report = ReportWriter(run, point, tool_version).write();
  if (form == ReportForm::kYaml) return dump_yaml(report);
  drop_infinite(report);
  return dump_json(report) + "\n";
}

}  // namespace hadal
