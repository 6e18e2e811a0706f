#include "measure/exchange/point_builder.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "json/python_json.h"
#include "measure/exchange/foreign_secrets.h"
#include "measure/metrics/metric_catalogue.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// Lists beyond this are of single requests or of a time series.
constexpr size_t kLongestList = 4096;

ordered_json keepable(const ordered_json& value) {
  if (value.is_array() && value.size() > kLongestList) {
    return ordered_json{{"elements_not_kept", value.size()}};
  }
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    return value.get<double>() > 0 ? "inf" : value.get<double>() < 0 ? "-inf" : "nan";
  }
  if (!value.is_structured()) return value;
  ordered_json result = value;
  for (auto& member : result) member = keepable(member);
  return result;
}

// Names out of files become ids and warnings: one word of plain characters.
std::string plain_word(std::string_view text) {
  std::string word(text.substr(0, 150));
  for (char& c : word) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '/' || c == '-' || c == ':';
    if (!is_plain) c = '_';
  }
  return word;
}

std::optional<double>* place(MetricValue& metric, std::string_view statistic) {
  if (statistic == "mean") return &metric.mean;
  if (statistic == "p50") return &metric.p50;
  if (statistic == "p90") return &metric.p90;
  if (statistic == "p95") return &metric.p95;
  if (statistic == "p99") return &metric.p99;
  return nullptr;
}

}  // namespace

std::optional<double> TakenFields::number(std::string_view key) {
  take(key);
  const std::optional<double> value = fields_.number(key);
  if (value.has_value() && !std::isfinite(*value)) {
    not_finite_.push_back(fields_.path(key));
    return std::nullopt;
  }
  return value;
}

std::optional<double> TakenFields::amount(std::string_view key) {
  const std::optional<double> value = number(key);
  if (value.has_value() && *value < 0) fields_.refuse(key, "must not be negative");
  return value;
}

std::optional<int64_t> TakenFields::count(std::string_view key) {
  constexpr double kMost = 1e15;
  const std::optional<double> value = number(key);
  if (!value.has_value()) return std::nullopt;
  if (*value < 0 || *value > kMost || *value != std::floor(*value)) {
    fields_.refuse(key, "must be a whole number from 0 to 10^15");
  }
  return static_cast<int64_t>(*value);
}

std::optional<std::string> TakenFields::string(std::string_view key) {
  take(key);
  return fields_.string(key);
}

std::optional<std::string> TakenFields::text(std::string_view key) {
  take(key);
  const ordered_json* found = fields_.find(key);
  if (found == nullptr) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_structured())
    refuse_type(fields_.path(key), *found, "must be a text or a number", fields_.source());
  return dump_json(*found);
}

std::optional<bool> TakenFields::flag(std::string_view key, bool* was_string) {
  take(key);
  const ordered_json* found = fields_.find(key);
  if (found != nullptr && found->is_string()) {
    const auto text = found->get<std::string>();
    if (was_string != nullptr) *was_string = true;
    if (text == "true" || text == "True") return true;
    if (text == "false" || text == "False") return false;
    fields_.refuse(key, "must be true or false");
  }
  return fields_.boolean(key);
}

const ordered_json* TakenFields::value(std::string_view key) {
  take(key);
  return fields_.find(key);
}

ordered_json TakenFields::rest() const {
  ordered_json result = ordered_json::object();
  for (const auto& [key, value] : fields_.json().items()) {
    if (!value.is_null() && !taken_.contains(key)) result[key] = keepable(value);
  }
  return result;
}

std::optional<StatisticKey> split_statistic(std::string_view key) {
  const size_t end = key.find('_');
  if (end == std::string_view::npos || end == 0 || end + 1 == key.size()) return std::nullopt;
  const std::string_view word = key.substr(0, end);
  const std::string_view stem = key.substr(end + 1);
  if (word == "median") return StatisticKey{.statistic = "p50", .stem = stem};
  if (word == "mean" || word == "std" || word == "min" || word == "max") {
    return StatisticKey{.statistic = std::string(word), .stem = stem};
  }
  const bool is_percentile = word.size() > 1 && word[0] == 'p' && word[1] != '.' &&
                             word.find_first_not_of("0123456789.", 1) == std::string_view::npos;
  if (!is_percentile) return std::nullopt;
  return StatisticKey{.statistic = std::string(word), .stem = stem};
}

const MetricValue* PointBuilder::find(std::string_view name) const {
  const std::string id = plain_word(name);
  const auto found = std::find_if(point.metrics.begin(), point.metrics.end(),
                                  [&](const MetricValue& value) { return value.id == id; });
  return found == point.metrics.end() ? nullptr : &*found;
}

MetricValue& PointBuilder::metric(const MetricName& name) {
  if (const MetricValue* found = find(name.id); found != nullptr) {
    return point.metrics[static_cast<size_t>(found - point.metrics.data())];
  }
  // What an import calls by a name of ours must be ours; all else bears its tool's.
  HADAL_CHECK(home_of(plain_word(name.id)) != MetricHome::kUnknown);
  point.metrics.push_back({.id = plain_word(name.id), .unit = printable(name.unit, 40)});
  return point.metrics.back();
}

void PointBuilder::add(const MetricName& name, std::string_view statistic,
                       std::optional<double> figure) {
  if (!figure.has_value() || !std::isfinite(*figure)) return;
  MetricValue& value = metric(name);
  if (std::optional<double>* slot = place(value, statistic); slot != nullptr) {
    if (!slot->has_value()) *slot = figure;
    return;
  }
  ordered_json& kept = statistics_[plain_word(name.id)];
  if (!kept.contains(statistic)) kept[std::string(statistic)] = *figure;
}

void PointBuilder::derive(const MetricName& name, std::string_view statistic,
                          std::optional<double> figure) {
  if (!figure.has_value() || !std::isfinite(*figure) || get(name, statistic).has_value()) return;
  add(name, statistic, figure);
  const std::string id = plain_word(name.id);
  if (std::find(derived_.begin(), derived_.end(), id) == derived_.end()) derived_.push_back(id);
}

void PointBuilder::count(const MetricName& name, int64_t samples) { metric(name).count = samples; }

std::optional<double> PointBuilder::get(const MetricName& name, std::string_view statistic) const {
  const MetricValue* value = find(name.id);
  if (value == nullptr) return std::nullopt;
  MetricValue copy = *value;
  if (const std::optional<double>* slot = place(copy, statistic); slot != nullptr) return *slot;
  const auto kept = statistics_.find(plain_word(name.id));
  if (kept == statistics_.end()) return std::nullopt;
  const auto figure = kept->find(std::string(statistic));  // restored figures may be anything
  if (figure == kept->end() || !figure->is_number()) return std::nullopt;
  return figure->get<double>();
}

void PointBuilder::derive_interactivity() {
  if (has(metric::kInteractivity)) return;
  for (const char* statistic : {"mean", "p50", "p90", "p95", "p99"}) {
    const std::optional<double> seconds = get(metric::kTpot, statistic);
    if (seconds.value_or(0) > 0) derive(metric::kInteractivity, statistic, 1 / *seconds);
  }
}

void PointBuilder::warn(std::string_view name) {
  auto& list = point.warnings;
  std::string word = plain_word(name);
  if (std::find(list.begin(), list.end(), word) == list.end()) list.push_back(std::move(word));
}

void PointBuilder::keep(std::string_view key, const ordered_json& value) {
  extra_[std::string(key)] = keepable(value);
}

void PointBuilder::keep_fields(const ordered_json& fields) {
  for (const auto& [key, value] : fields.items()) fields_[key] = keepable(value);
}

void PointBuilder::note_not_finite(const TakenFields& fields) {
  if (fields.not_finite().empty()) return;
  warn("figures_not_finite_dropped");
  for (const std::string& path : fields.not_finite()) extra_["not_finite"].push_back(path);
}

void PointBuilder::restore(const ordered_json& extra) {
  for (const auto& [key, value] : extra.items()) {
    if (key == "statistics" && value.is_object()) {
      for (const auto& [id, figures] : value.items()) {
        if (figures.is_object()) statistics_[id].update(figures);
      }
    } else if (key == "fields" && value.is_object()) {
      fields_.update(value);
    } else if (key == "derived" && value.is_array()) {
      derived_ = value;
    } else {
      extra_[key] = value;
    }
  }
}

PointRecord PointBuilder::finish() {
  if (!statistics_.empty()) extra_["statistics"] = std::move(statistics_);
  if (!derived_.empty()) extra_["derived"] = std::move(derived_);
  if (!fields_.empty()) extra_["fields"] = std::move(fields_);
  if (!extra_.empty()) point.extra_json = dump_json(json_without_secrets(extra_));
  return std::move(point);
}

ordered_json keepable_json(const ordered_json& value) {
  return json_without_secrets(keepable(value));
}

void add_point(std::vector<RunRecord>& runs, RunRecord run, PointRecord point) {
  const auto identity = [](const RunRecord& of) {
    return std::tie(of.created_unix, of.url, of.model, of.engine, of.engine_version, of.hardware,
                    of.gpus, of.prefill_gpus, of.decode_gpus, of.precision, of.speculation,
                    of.workload, of.source, of.plan_json, of.provenance_json);
  };
  const auto found = std::find_if(runs.begin(), runs.end(), [&](const RunRecord& existing) {
    return identity(existing) == identity(run);
  });
  std::vector<PointRecord>& points =
      found == runs.end() ? runs.emplace_back(std::move(run)).points : found->points;
  const auto earlier = std::count_if(points.begin(), points.end(), [&](const PointRecord& other) {
    return other.load.concurrency == point.load.concurrency && other.load.rate == point.load.rate &&
           other.load.arrivals == point.load.arrivals;
  });
  point.repeat = std::max(point.repeat, static_cast<int>(earlier));
  points.push_back(std::move(point));
}

}  // namespace hadal
