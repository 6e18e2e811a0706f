#include "measure/store/run_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"
#include "measure/metrics/load_text.h"
#include "measure/metrics/repeats.h"
#include "measure/store/run_words.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr size_t kWidest = 40;  // of a column, in bytes

// Columns as wide as their widest cell; no blanks at the end of lines.
class Table {
 public:
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  std::string text(const std::string& indent = {}) const {
    std::vector<size_t> widths;
    for (const std::vector<std::string>& row : rows_) {
      widths.resize(std::max(widths.size(), row.size()));
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], length(row[i]));
    }
    std::string out;
    for (const std::vector<std::string>& row : rows_) {
      std::string line = indent;
      for (size_t i = 0; i < row.size(); ++i) {
        line += row[i] + std::string(widths[i] - length(row[i]) + 2, ' ');
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
    return out;
  }

 private:
  // In characters.
  static size_t length(const std::string& text) {
    const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins));
  }

  std::vector<std::vector<std::string>> rows_;
};

std::string cell(const std::string& text) { return text.empty() ? "-" : printable(text, kWidest); }

std::string time_text(double unix_seconds) {
  // Years beyond four digits are nobody's.
  if (!(unix_seconds >= 0 && unix_seconds < 253402300800.0)) return "-";
  const auto seconds = static_cast<time_t>(unix_seconds);
  std::tm parts = {};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text = {};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &parts)};
}

std::string number_text(std::optional<double> value) {
  return value ? fmt::format("{:.4g}", *value) : "-";
}

std::string interval_text(const std::optional<Interval>& interval) {
  return interval ? fmt::format("[{:.4g}, {:.4g}]", interval->low, interval->high) : "";
}

std::string state_text(const RunSummary& summary) {
  std::string text(run_state_word(summary.run.state));
  if (summary.abandoned) text += " (abandoned)";
  return text;
}

// How many there are, and how many of them have figures where that is fewer.
std::string points_text(const RunSummary& summary) {
  if (summary.finished_points == summary.points) return std::to_string(summary.points);
  return fmt::format("{} ({} summed up)", summary.points, summary.finished_points);
}

// As in the document of the run: nobody watched the client of an import, or of a point that was
// not summed up.
ordered_json client_limited_json(const RunSummary& summary) {
  if (summary.client_limited) return true;
  const bool is_known = summary.run.origin == "measured" && summary.points > 0 &&
                        summary.finished_points == summary.points;
  return is_known ? ordered_json(false) : ordered_json();
}

// What keeps a run's figures from being taken at their word.
std::string doubts_text(const RunSummary& summary) {
  std::string text;
  const auto add = [&](const char* doubt) {
    text += (text.empty() ? "" : ", ") + std::string(doubt);
  };
  if (summary.run.gate == GateVerdict::kNotRun) add("ungated");
  if (summary.run.gate == GateVerdict::kFailed) add("answers wrongly");
  if (summary.client_limited) add("client-limited");
  return text.empty() ? "-" : text;
}

std::vector<std::string> metric_heading() {
  return {"metric", "unit", "count", "mean", "95 %", "p50", "95 %", "p90", "p95", "p99"};
}

void add_metrics(Table& table, const std::vector<MetricValue>& metrics) {
  for (const MetricValue& metric : metrics) {
    table.add({printable(metric.id, kWidest), printable(metric.unit, kWidest),
               std::to_string(metric.count), number_text(metric.mean),
               interval_text(metric.mean_ci95), number_text(metric.p50),
               interval_text(metric.p50_ci95), number_text(metric.p90), number_text(metric.p95),
               number_text(metric.p99)});
  }
}

std::string point_text(const PointRecord& point) {
  std::string out = fmt::format("\n{}{}: {} requests, {} ok, {} failed", load_text(point),
                                point.repeat > 0 ? fmt::format(", repeat {}", point.repeat) : "",
                                point.requests.attempted, point.requests.ok, point.requests.failed);
  if (point.requests.cancelled > 0) out += fmt::format(", {} cancelled", point.requests.cancelled);
  out += "\n";
  if (point.client.limited) {
    out += "  the client may have been the limit";
    for (const std::string& reason : point.client.reasons) out += "; " + printable(reason);
    out += "\n";
  }
  constexpr size_t kLongestWarning = 4096;
  for (const std::string& warning : point.warnings) {
    out += "  " + printable(warning, kLongestWarning) + "\n";
  }
  if (!point.metrics.empty()) {
    out += fmt::format("  {} window, {:.4g} to {:.4g} s{}\n", printable(point.window.kind),
                       point.window.begin, point.window.end,
                       point.window.rule.empty() ? "" : ": " + printable(point.window.rule));
    Table table;
    table.add(metric_heading());
    add_metrics(table, point.metrics);
    out += table.text("  ");
  }
  if (!point.full_run_metrics.empty()) {
    out += "  whole run, ramp and drain included\n";
    Table table;
    table.add(metric_heading());
    add_metrics(table, point.full_run_metrics);
    out += table.text("  ");
  }
  return out;
}

// The repeats of a load together.
std::string repeats_text(const CombinedPoint& combined) {
  std::string out = fmt::format("\n{}: {} repeats together, intervals over the repeats\n",
                                load_text(combined.point), combined.repeats);
  Table table;
  table.add(metric_heading());
  add_metrics(table, combined.point.metrics);
  return out + table.text("  ");
}

std::string annotation_text(const RunAnnotation& annotation) {
  std::string text = "  " + time_text(annotation.created_unix);
  if (!annotation.author.empty()) text += " " + printable(annotation.author, kWidest);
  text += ": ";
  if (!annotation.field.empty()) text += printable(annotation.field, kWidest) + " is ";
  text += printable(annotation.value);
  if (!annotation.reason.empty()) {
    text += annotation.value.empty() ? printable(annotation.reason)
                                     : " (" + printable(annotation.reason) + ")";
  }
  return text + "\n";
}

// A text that was corrected, with what was measured.
std::string corrected(const std::string& now, const std::string& before) {
  return now == before ? cell(now) : cell(now) + " (corrected; was " + cell(before) + ")";
}

std::string gpus_text(int gpus) { return gpus == 0 ? "" : std::to_string(gpus); }

ordered_json number_json(std::optional<double> value) {
  return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json();
}

ordered_json load_json(const Load& load) {
  ordered_json json = ordered_json::object();
  if (load.concurrency) json["concurrency"] = *load.concurrency;
  if (load.rate) json["rate"] = number_json(load.rate);
  json["arrivals"] = load.arrivals;
  return json;
}

ordered_json loads_json(const std::vector<Load>& loads) {
  ordered_json list = ordered_json::array();
  for (const Load& load : loads) list.push_back(load_json(load));
  return list;
}

ordered_json texts_json(const std::vector<std::string>& texts) {
  ordered_json list = ordered_json::array();
  for (const std::string& text : texts) list.push_back(text);
  return list;
}

}  // namespace

std::string runs_text(std::span<const RunSummary> runs) {
  if (runs.empty()) return "no runs\n";
  Table table;
  table.add({"run", "begun (UTC)", "state", "points", "model", "engine", "hardware", "workload",
             "doubts", "label"});
  for (const RunSummary& summary : runs) {
    const RunRecord& run = summary.run;
    std::string hardware = cell(run.hardware);
    if (run.gpus > 0) hardware = std::to_string(run.gpus) + " x " + hardware;
    std::string engine = cell(run.engine);
    if (!run.engine_version.empty()) engine += " " + cell(run.engine_version);
    table.add({printable(run.id, kWidest), time_text(run.created_unix), state_text(summary),
               points_text(summary), cell(run.model), engine, hardware, cell(run.workload),
               doubts_text(summary), cell(run.label)});
  }
  return table.text();
}

std::string runs_json(std::span<const RunSummary> runs) {
  ordered_json list = ordered_json::array();
  for (const RunSummary& summary : runs) {
    const RunRecord& run = summary.run;
    list.push_back({{"run_id", run.id},
                    {"created_unix", number_json(run.created_unix)},
                    {"ended_unix", number_json(summary.ended_unix)},
                    {"origin", run.origin},
                    {"label", run.label},
                    {"state", run_state_word(run.state)},
                    {"abandoned", summary.abandoned},
                    {"gate", gate_verdict_word(run.gate)},
                    {"client_limited", client_limited_json(summary)},
                    {"model", run.model},
                    {"engine", run.engine},
                    {"engine_version", run.engine_version},
                    {"hardware", run.hardware},
                    {"gpus", run.gpus == 0 ? ordered_json() : ordered_json(run.gpus)},
                    {"precision", run.precision},
                    {"workload", run.workload},
                    {"points", summary.points},
                    {"finished_points", summary.finished_points}});
  }
  return dump_json({{"schema", "hadal.runs/1"}, {"runs", std::move(list)}});
}

std::string run_text(const StoredRun& stored) {
  const RunRecord& run = stored.run;
  const RunRecord& before = stored.original;
  Table table;
  table.add({"run", printable(run.id, kWidest)});
  table.add({"begun", time_text(run.created_unix) + " UTC"});
  std::string state = state_text(stored.summary);
  if (!stored.summary.reason.empty()) state += ": " + printable(stored.summary.reason);
  table.add({"state", state});
  table.add({"gate", std::string(gate_verdict_word(run.gate))});
  table.add({"origin", cell(run.origin)});
  table.add({"label", corrected(run.label, before.label)});
  table.add({"endpoint", corrected(run.url, before.url)});
  table.add({"model", corrected(run.model, before.model)});
  table.add({"engine", corrected(run.engine, before.engine)});
  table.add({"version", corrected(run.engine_version, before.engine_version)});
  table.add({"hardware", corrected(run.hardware, before.hardware)});
  table.add({"accelerators", corrected(gpus_text(run.gpus), gpus_text(before.gpus))});
  table.add({"precision", corrected(run.precision, before.precision)});
  table.add({"speculation", corrected(run.speculation, before.speculation)});
  table.add({"workload", corrected(run.workload, before.workload)});
  if (!run.source.empty()) table.add({"source", corrected(run.source, before.source)});
  if (!stored.digests.empty()) table.add({"sha256", printable(stored.digests.back().sha256)});
  std::string out = table.text();
  if (!stored.annotations.empty()) out += "\nannotations\n";
  for (const RunAnnotation& annotation : stored.annotations) out += annotation_text(annotation);
  for (const PointRecord& point : run.points) out += point_text(point);
  for (const CombinedPoint& point : combined_points(run.points)) {
    if (point.repeats > 1) out += repeats_text(point);
  }
  return out;
}

std::string comparison_text(const RunComparison& comparison, const RunRecord& a,
                            const RunRecord& b) {
  std::string out =
      fmt::format("A  {}  {} on {}\nB  {}  {} on {}\n", printable(a.id, kWidest), cell(a.engine),
                  cell(a.hardware), printable(b.id, kWidest), cell(b.engine), cell(b.hardware));
  for (const std::string& note : comparison.notes) out += "note: " + printable(note) + "\n";
  if (comparison.points.empty()) out += "no load was measured in both\n";
  for (const PointComparison& point : comparison.points) {
    out += "\n" + load_text(point.load);
    if (point.repeats_a > 1 || point.repeats_b > 1) {
      out += fmt::format(", {} repeats of A and {} of B", point.repeats_a, point.repeats_b);
    }
    out += "\n";
    for (const std::string& note : point.notes) out += "  note: " + printable(note) + "\n";
    Table table;
    table.add({"metric", "figure", "unit", "A", "B", "B/A", "95 %"});
    for (const MetricRatios& metric : point.metrics) {
      for (const FigureRatio& figure : metric.figures) {
        table.add({printable(metric.id, kWidest), figure.figure, printable(metric.unit, kWidest),
                   number_text(figure.a), number_text(figure.b), number_text(figure.ratio),
                   interval_text(figure.ci95)});
      }
    }
    out += table.text("  ");
  }
  const auto only = [&](const std::vector<Load>& loads, const char* name) {
    for (const Load& load : loads) {
      out += fmt::format("\nonly {} was measured at {}", name, load_text(load));
    }
  };
  only(comparison.only_a, "A");
  only(comparison.only_b, "B");
  if (out.back() != '\n') out += "\n";
  return out;
}

std::string comparison_json(const RunComparison& comparison, const RunRecord& a,
                            const RunRecord& b) {
  ordered_json points = ordered_json::array();
  for (const PointComparison& point : comparison.points) {
    ordered_json metrics = ordered_json::array();
    for (const MetricRatios& metric : point.metrics) {
      ordered_json figures = ordered_json::object();
      for (const FigureRatio& figure : metric.figures) {
        figures[figure.figure] = {
            {"a", figure.a},
            {"b", figure.b},
            {"ratio", figure.ratio},
            {"ci95", figure.ci95 ? ordered_json::array({figure.ci95->low, figure.ci95->high})
                                 : ordered_json()}};
      }
      metrics.push_back(
          {{"id", metric.id}, {"unit", metric.unit}, {"figures", std::move(figures)}});
    }
    points.push_back({{"load", load_json(point.load)},
                      {"repeats_a", point.repeats_a},
                      {"repeats_b", point.repeats_b},
                      {"metrics", std::move(metrics)},
                      {"notes", texts_json(point.notes)}});
  }
  return dump_json({{"schema", "hadal.comparison/1"},
                    {"a", a.id},
                    {"b", b.id},
                    {"points", std::move(points)},
                    {"only_a", loads_json(comparison.only_a)},
                    {"only_b", loads_json(comparison.only_b)},
                    {"notes", texts_json(comparison.notes)}});
}

}  // namespace hadal
