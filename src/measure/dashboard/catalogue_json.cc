#include "measure/dashboard/catalogue_json.h"

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "economics/catalogue_fields.h"
#include "economics/hardware_catalogue.h"
#include "economics/published_points.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"
#include "measure/metrics/statistics_of.h"

namespace hadal {
namespace {

using Values = std::map<std::string_view, double>;  // by the names of "metric_columns"

std::string_view column_of(std::string_view statistic) {
  if (statistic == "median") return "p50";
  for (const Statistic& figure : kStatistics) {
    if (statistic == figure.name) return figure.name;
  }
  return "";
}

class PublishedFigures {
 public:
  void add(std::string_view id, const std::optional<double>& value) {
    if (value) figures_.emplace_back(id, Values{{"mean", *value}});
  }
  void add(std::string_view id, const Statistics& statistics, double factor = 1) {
    Values values;
    for (const auto& [name, value] : statistics) {
      const std::string_view column = column_of(name);
      if (column.empty()) {
        others_.push_back({.id = id, .statistic = name, .value = value * factor});
      } else {
        values[column] = value * factor;
      }
    }
    if (!values.empty()) figures_.emplace_back(id, std::move(values));
  }

  void write(JsonText& json) const {
    json.key("metrics").begin_object();
    for (const auto& [id, values] : figures_) {
      json.key(id).begin_array().integer(0);
      size_t left = values.size();
      for (const Statistic& figure : kStatistics) {
        if (left == 0) break;
        const auto found = values.find(figure.name);
        if (found == values.end()) {
          json.null();
        } else {
          json.number(found->second);
          --left;
        }
      }
      json.end_array();
    }
    json.end_object();
    if (others_.empty()) return;
    json.key("other").begin_array();
    for (const Other& other : others_) {
      json.begin_object().member("id", other.id).member("statistic", other.statistic);
      json.member("value", other.value).end_object();
    }
    json.end_array();
  }

 private:
  struct Other {
    std::string_view id;
    std::string statistic;
    double value;
  };
  std::vector<std::pair<std::string_view, Values>> figures_;
  std::vector<Other> others_;
};

void write_published_point(JsonText& json, size_t number, const PublishedPoint& point) {
  json.begin_object().member("n", number);
  if (point.concurrency) json.member("concurrency", *point.concurrency);
  json.member("quality", point.quality).known("source", point.source).known("notes", point.notes);
  if (!point.flags.empty()) {
    json.key("warnings").begin_array();
    for (const std::string& flag : point.flags) json.text(flag);
    json.end_array();
  }
  constexpr double kSecondsPerMillisecond = 1e-3;
  PublishedFigures figures;
  figures.add(metric_ids::kRateTotal, point.total_rate);
  figures.add(metric_ids::kRateOutput, point.output_rate);
  figures.add(metric_ids::kRateTotalPerGpu, point.total_rate_per_gpu);
  figures.add(metric_ids::kRateOutputPerGpu, point.output_rate_per_gpu);
  figures.add(metric_ids::kRateOutputPerGpuInferenceX, point.output_rate_per_decode_gpu
                                                           ? point.output_rate_per_decode_gpu
                                                           : point.output_rate_per_gpu);
  figures.add(metric_ids::kTtftFirstToken, point.ttft_s);
  figures.add(metric_ids::kTpotExclFirst, point.tpot_ms, kSecondsPerMillisecond);
  figures.add(metric_ids::kInteractivityTpot, point.interactivity);
  figures.write(json);
  if (point.power_w_per_gpu) json.member("watts_per_gpu", *point.power_w_per_gpu);
  json.end_object();
}

std::string workload_of(const PublishedPoint& point) {
  if (point.workload != "fixed" || !point.input_length || !point.output_length) {
    return point.workload;
  }
  const auto length = [](int tokens) {
    constexpr int kThousand = 1024;
    return tokens % kThousand == 0 && tokens > 0 ? std::to_string(tokens / kThousand) + "k"
                                                 : std::to_string(tokens);
  };
  const std::string input = length(*point.input_length);
  const std::string output = length(*point.output_length);
  return input.ends_with('k') && output.ends_with('k') ? input + output : input + ":" + output;
}

// What the group says besides what has a field of its own: "TP8", "1p1d_tp8", …
std::string layout_of(const std::string& group) {
  std::array<std::string, 5> parts;
  size_t at = 0;
  for (const char c : group) {
    if (c == '|') {
      if (++at == parts.size()) break;
    } else {
      parts[at] += c;
    }
  }
  return parts[2];
}

}  // namespace

void write_metric_catalogue(JsonText& json) {
  json.begin_array();
  for (const MetricDefinition& metric : metric_catalogue()) {
    json.begin_object().member("id", metric.id).member("unit", metric.unit);
    json.member("level", metric_level_name(metric.level))
        .member("better", metric_direction_name(metric.better));
    json.member("definition", metric.definition).member("formula", metric.formula).end_object();
  }
  json.end_array();
}

void write_hardware(JsonText& json) {
  const HardwareCatalogue& catalogue = HardwareCatalogue::built_in();
  json.begin_object().key("eras").begin_array();
  for (const Era& era : catalogue.eras()) {
    json.begin_object().member("key", era.key).known("from", era.from).known("to", era.to);
    json.member("about", era.about).end_object();
  }
  json.end_array().key("pue").begin_object();
  for (const auto& [name, figure] : catalogue.pue()) json.member(name, figure.value);
  json.end_object().member("default_pue", catalogue.default_pue());
  json.key("accelerators").begin_array();
  for (const Accelerator& accelerator : catalogue.accelerators()) {
    json.begin_object().member("key", accelerator.key).member("name", accelerator.name);
    json.member("tdp_w", accelerator.tdp_w.value);
    json.key("power").begin_array();
    for (const PowerFigure& power : accelerator.power) {
      json.begin_object().known("era", power.era).member("counts", power_scope_name(power.counts));
      json.member("kw", power.kw.value).known("source", power.kw.source).end_object();
    }
    json.end_array().key("prices").begin_array();
    for (const PriceFigure& price : accelerator.prices) {
      json.begin_object().known("era", price.era).member("tier", price_tier_name(price.tier));
      json.member("usd", price.usd_per_gpu_hour.value);
      json.known("source", price.usd_per_gpu_hour.source).end_object();
    }
    json.end_array().end_object();
  }
  json.end_array().end_object();
}

void write_published_runs(JsonText& json) {
  const std::span<const PublishedPoint> points = published_points();
  std::vector<std::pair<std::string_view, std::vector<const PublishedPoint*>>> groups;
  std::map<std::string_view, size_t> place;
  for (const PublishedPoint& point : points) {
    const std::string_view name = point.group.empty() ? point.id : point.group;
    const auto [found, added] = place.emplace(name, groups.size());
    if (added) groups.emplace_back(name, std::vector<const PublishedPoint*>());
    groups[found->second].second.push_back(&point);
  }
  json.begin_array();
  for (const auto& [name, members] : groups) {
    const PublishedPoint& first = *members.front();
    json.begin_object().member("id", "published:" + std::string(name));
    json.member("created", unix_time(first.date)).member("date", first.date);
    json.member("origin", "published").member("state", "complete").member("gate", "not_run");
    json.member("limited", false).known("model", first.model).known("engine", first.engine);
    json.known("engine_version", first.engine_version).known("hardware", first.hardware);
    if (first.gpus) json.member("gpus", *first.gpus);
    json.known("precision", first.precision);
    json.known("speculation", first.speculation == "none" ? "" : first.speculation);
    json.known("workload", workload_of(first)).known("layout", layout_of(first.group));
    json.known("source", first.source).key("notes").begin_array().end_array();
    json.key("points").begin_array();
    for (size_t i = 0; i < members.size(); ++i) write_published_point(json, i, *members[i]);
    json.end_array().end_object();
  }
  json.end_array();
}

}  // namespace hadal
