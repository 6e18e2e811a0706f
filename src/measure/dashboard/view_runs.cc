#include "measure/dashboard/view_runs.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "measure/metrics/statistics_of.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kTraits[] = {"model",     "workload",    "hardware", "gpus", "engine",
                                        "precision", "speculation", "layout",   "label"};
// One value a point, whatever statistic is asked for.
constexpr std::string_view kSingle[] = {"rate.",  "energy.",  "power.",
                                        "cache.", "goodput.", "load."};

std::string day_of(double unix_seconds) {
  constexpr double kMost = 8.64e12;
  if (!(std::abs(unix_seconds) <= kMost)) return "";
  const auto day = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds(std::chrono::seconds(std::llround(std::floor(unix_seconds)))));
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

ViewPoint point_of(const ordered_json& json, const std::vector<std::string>& metrics) {
  ViewPoint point{.number = json.value("n", int64_t{0}), .limited = json.value("limited", false)};
  if (json.contains("concurrency")) {
    point.load = fmt::format("{} at once", json["concurrency"].get<int64_t>());
  } else if (json.contains("rate")) {
    point.load = fmt::format("{} requests/s", json["rate"].get<double>());
  } else {
    point.load = "unknown load";
  }
  const ordered_json& figures = json.at("metrics");
  for (const std::string& id : metrics) {
    const auto found = figures.find(id);
    if (found == figures.end()) continue;
    auto& list = point.metrics[id];
    for (const ordered_json& value : *found) {
      list.push_back(value.is_number() ? std::optional(value.get<double>()) : std::nullopt);
    }
  }
  if (!json.contains("other")) return point;
  for (const ordered_json& other : json["other"]) {
    point.other.push_back({.id = other.at("id").get<std::string>(),
                           .statistic = other.at("statistic").get<std::string>(),
                           .value = other.at("value").get<double>()});
  }
  return point;
}

ViewRun run_of(const ordered_json& json, const std::vector<std::string>& metrics) {
  ViewRun run{.id = json.at("id").get<std::string>(),
              .origin = json.at("origin").get<std::string>(),
              .state = json.at("state").get<std::string>(),
              .gate = json.at("gate").get<std::string>(),
              .reason = json.value("reason", std::string())};
  if (json.at("created").is_number()) {
    run.created = json["created"].get<double>();
    run.day = day_of(*run.created);
  }
  for (const auto& [name, value] : json.items()) {
    if (value.is_string()) run.texts[name] = value.get<std::string>();
  }
  const auto count = [&](const char* name) { return json.value(name, int64_t{0}); };
  if (count("prefill_gpus") > 0 && count("decode_gpus") > 0) {
    run.gpus = fmt::format("{}P+{}D", count("prefill_gpus"), count("decode_gpus"));
  } else if (count("gpus") > 0) {
    run.gpus = fmt::format("×{}", count("gpus"));
  }
  for (const ordered_json& point : json.at("points"))
    run.points.push_back(point_of(point, metrics));
  return run;
}

std::optional<ViewFigure> stored_figure(const std::vector<std::optional<double>>& values,
                                        std::string_view statistic) {
  const auto found = std::find_if(kStatistics.begin(), kStatistics.end(),
                                  [&](const Statistic& known) { return known.name == statistic; });
  if (found == kStatistics.end()) return std::nullopt;
  const auto place = static_cast<size_t>(found - kStatistics.begin());
  const auto at = [&](size_t i) { return i < values.size() ? values[i] : std::nullopt; };
  const std::optional<double> value = at(1 + place);
  if (!value) return std::nullopt;
  const size_t ends = 1 + kStatistics.size() + 2 * place;
  return ViewFigure{
      .value = *value, .low = at(ends), .high = at(ends + 1), .statistic = std::string(statistic)};
}

}  // namespace

std::string ViewRun::text(std::string_view name) const {
  if (name == "gpus") return gpus;
  const auto found = texts.find(name);
  return found == texts.end() ? "" : found->second;
}

std::vector<ViewRun> view_runs(std::string_view document, const std::vector<std::string>& metrics) {
  const ordered_json json = parse_json(document, "runs");
  std::vector<ViewRun> runs;
  for (const ordered_json& run : json.is_object() ? json.at("runs") : json) {
    runs.push_back(run_of(run, metrics));
  }
  return runs;
}

std::optional<ViewFigure> view_figure(const ViewRun& run, const ViewPoint& point,
                                      std::string_view metric, std::string_view statistic) {
  const auto found = point.metrics.find(metric);
  if (found != point.metrics.end()) {
    if (auto asked = stored_figure(found->second, statistic)) return asked;
    if (std::any_of(std::begin(kSingle), std::end(kSingle),
                    [&](std::string_view stem) { return metric.starts_with(stem); })) {
      return stored_figure(found->second, "mean");
    }
  }
  if (!run.published()) return std::nullopt;
  if (found != point.metrics.end() && (statistic == "p50" || statistic == "mean")) {
    if (auto near = stored_figure(found->second, statistic == "p50" ? "mean" : "p50")) return near;
  }
  if (statistic == "p99" || statistic == "p95") return std::nullopt;
  for (const ViewPoint::Other& other : point.other) {
    if (other.id == metric) return ViewFigure{.value = other.value, .statistic = other.statistic};
  }
  return std::nullopt;
}

std::vector<std::string> view_doubts(const ViewRun& run, const ViewPoint& point) {
  std::vector<std::string> doubts;
  if (run.published()) return doubts;
  if (run.gate == "not_run") doubts.emplace_back("ungated");
  if (run.gate == "failed") doubts.emplace_back("the gate failed");
  if (run.state == "partial" || run.state == "running") doubts.emplace_back("partial");
  if (run.state == "failed" || run.state == "invalid") doubts.push_back(run.state);
  if (point.limited) doubts.emplace_back("client-limited");
  return doubts;
}

std::vector<ViewSeries> view_series(const std::vector<const ViewRun*>& runs) {
  std::map<std::vector<std::string>, ViewSeries> groups;
  for (const ViewRun* run : runs) {
    std::vector<std::string> key = {run->published() ? "published" : "own"};
    for (const std::string_view trait : kTraits) key.push_back(run->text(trait));
    ViewSeries& series = groups[std::move(key)];
    series.published = run->published();
    series.runs.push_back(run);
  }
  std::vector<ViewSeries> list;
  for (auto& [key, series] : groups) {
    std::stable_sort(series.runs.begin(), series.runs.end(),
                     [](const ViewRun* a, const ViewRun* b) {
                       return a->created.value_or(0) > b->created.value_or(0);
                     });
    list.push_back(std::move(series));
  }
  std::stable_sort(list.begin(), list.end(), [](const ViewSeries& a, const ViewSeries& b) {
    return a.published != b.published ? b.published : a.runs.size() > b.runs.size();
  });
  return list;
}

}  // namespace hadal
