#include "measure/store/run_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "json/fields.h"
#include "json/known_keys.h"
#include "json/python_json.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/repeats.h"
#include "measure/metrics/statistics_of.h"
#include "measure/store/run_words.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

ordered_json number(std::optional<double> value) {
  return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json();
}
// What servers said may be no UTF-8.
ordered_json text(const std::string& value) {
  return value.empty() ? ordered_json() : ordered_json(utf8_replace_invalid(value));
}
ordered_json texts(const std::vector<std::string>& list) {
  ordered_json json = ordered_json::array();
  for (const std::string& value : list) json.push_back(utf8_replace_invalid(value));
  return json;
}
ordered_json count_or_null(int value) { return value == 0 ? ordered_json() : ordered_json(value); }
ordered_json document(const std::string& json, const std::string& where) {
  return json.empty() ? ordered_json() : parse_json_file_text(json, where);
}

ordered_json to_json(const std::optional<Interval>& interval) {
  if (!interval || !std::isfinite(interval->low) || !std::isfinite(interval->high)) return {};
  return ordered_json::array({interval->low, interval->high});
}

ordered_json to_json(const std::vector<MetricValue>& metrics) {
  ordered_json list = ordered_json::array();
  for (const MetricValue& metric : metrics) {
    ordered_json json = {{"id", metric.id}, {"unit", metric.unit}, {"count", metric.count}};
    for (const Statistic& figure : kStatistics) json[figure.name] = number(metric.*figure.value);
    ordered_json intervals = ordered_json::object();
    for (const Statistic& figure : kStatistics)
      intervals[figure.name] = to_json(metric.*figure.interval);
    json["ci95"] = std::move(intervals);
    list.push_back(std::move(json));
  }
  return list;
}

ordered_json to_json(const Load& load) {
  ordered_json json = ordered_json::object();
  if (load.concurrency) json["concurrency"] = *load.concurrency;
  if (load.rate) json["rate"] = number(load.rate);
  json["arrivals"] = load.arrivals;
  return json;
}

// Whether the client was the limit is known only where somebody watched it: not of imports, nor of
// points that were never summed up.
ordered_json client_limited(const ClientLoad& client) {
  return client.limited || !client.lag_counts.empty() ? ordered_json(client.limited)
                                                      : ordered_json();
}

ordered_json to_json(const PointRecord& point) {
  return {{"load", to_json(point.load)},
          {"repeat", point.repeat},
          {"window",
           {{"kind", point.window.kind},
            {"rule", text(point.window.rule)},
            {"begin", number(point.window.begin)},
            {"end", number(point.window.end)}}},
          {"requests",
           {{"attempted", point.requests.attempted},
            {"ok", point.requests.ok},
            {"failed", point.requests.failed},
            {"cancelled", point.requests.cancelled}}},
          {"metrics", to_json(point.metrics)},
          {"full_run_metrics", to_json(point.full_run_metrics)},
          {"client",
           {{"limited", client_limited(point.client)},
            {"reasons", texts(point.client.reasons)},
            {"lag_counts", point.client.lag_counts},
            {"lag_p99", number(point.client.lag_p99)},
            {"cpu_share", number(point.client.cpu_share)},
            {"schedule_delay_p99", number(point.client.schedule_delay_p99)}}},
          {"warnings", texts(point.warnings)},
          {"extra", document(point.extra_json, "extra")}};
}

// True for one such point; unknown where it is unknown of any other.
ordered_json client_limited(const RunRecord& run) {
  ordered_json limited = run.points.empty() ? ordered_json() : ordered_json(false);
  for (const PointRecord& point : run.points) {
    const ordered_json of_point = client_limited(point.client);
    if (of_point == true) return true;
    if (of_point.is_null()) limited = of_point;
  }
  return limited;
}

std::optional<int64_t> signed_integer(const Fields& fields, std::string_view key) {
  const std::optional<uint64_t> value = fields.integer(key);
  if (value && fields.at(key).is_number_unsigned() &&
      *value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    fields.refuse(key, "is too large");
  }
  return value ? std::optional(static_cast<int64_t>(*value)) : std::nullopt;
}

int64_t counted(const Fields& fields, std::string_view key) {
  const int64_t value = signed_integer(fields, key).value_or(0);
  if (value < 0) fields.refuse(key, "must be at least 0");
  return value;
}

std::string text_of(const Fields& fields, std::string_view key) {
  return fields.string(key).value_or("");
}

// A document within the document, as text again.
std::string document_of(const Fields& fields, std::string_view key) {
  const ordered_json* json = fields.object(key);
  return json == nullptr ? "" : dump_json(*json);
}

std::vector<std::string> texts_of(const Fields& fields, std::string_view key) {
  std::vector<std::string> list;
  fields.each(key, [&](const ordered_json& value, const std::string& path) {
    if (!value.is_string()) refuse_type(path, value, "must be a string", fields.source());
    list.push_back(value.get<std::string>());
  });
  return list;
}

template <typename Use>
void with_object(const Fields& fields, std::string_view key, std::span<const std::string_view> keys,
                 Use use) {
  const ordered_json* json = fields.object(key);
  if (json == nullptr) return;
  const Fields object(*json, fields.path(key), fields.source());
  refuse_unknown_keys(object, keys);
  use(object);
}

std::optional<Interval> interval_of(const Fields& fields, std::string_view key) {
  const ordered_json* ends = fields.array(key, "must be an array of two numbers");
  if (ends == nullptr) return std::nullopt;
  if (ends->size() != 2 || !(*ends)[0].is_number() || !(*ends)[1].is_number()) {
    fields.refuse(key, "must be an array of two numbers");
  }
  return Interval{.low = (*ends)[0].get<double>(), .high = (*ends)[1].get<double>()};
}

std::vector<MetricValue> metrics_of(const Fields& fields, std::string_view key) {
  constexpr std::array<std::string_view, 9> kKeys = {"id",  "unit", "count", "mean", "p50",
                                                     "p90", "p95",  "p99",   "ci95"};
  constexpr std::array<std::string_view, 5> kIntervalKeys = {"mean", "p50", "p90", "p95", "p99"};
  std::vector<MetricValue> metrics;
  fields.each(key, [&](const ordered_json& json, const std::string& path) {
    const Fields object(json, path, fields.source());
    refuse_unknown_keys(object, kKeys);
    MetricValue metric{.id = object.required_string("id")};
    if (!is_metric_id(metric.id)) object.refuse("id", "must be an id such as ttft.first_token/1");
    if (find_metric(metrics, metric.id) != nullptr) object.refuse("id", "is given twice");
    metric.unit = text_of(object, "unit");
    metric.count = counted(object, "count");
    constexpr int64_t kMostSamples = 1'000'000'000'000'000;
    if (metric.count > kMostSamples) object.refuse("count", "is too large");
    for (const Statistic& figure : kStatistics) metric.*figure.value = object.number(figure.name);
    with_object(object, "ci95", kIntervalKeys, [&](const Fields& intervals) {
      for (const Statistic& figure : kStatistics) {
        metric.*figure.interval = interval_of(intervals, figure.name);
      }
    });
    metrics.push_back(std::move(metric));
  });
  return metrics;
}

ClientLoad client_of(const Fields& fields) {
  ClientLoad client;
  client.limited = fields.boolean("limited").value_or(false);
  client.reasons = texts_of(fields, "reasons");
  fields.each("lag_counts", [&](const ordered_json& count, const std::string& path) {
    // Where it is larger than 64 bits with a sign hold, it turns negative.
    if (!count.is_number_integer() || count.get<int64_t>() < 0) {
      refuse_field(path, "must be a count", FieldFault::kValue, fields.source());
    }
    client.lag_counts.push_back(count.get<int64_t>());
  });
  client.lag_p99 = fields.number("lag_p99").value_or(0);
  client.cpu_share = fields.number("cpu_share").value_or(0);
  client.schedule_delay_p99 = fields.number("schedule_delay_p99");
  return client;
}

PointRecord point_of(const Fields& fields) {
  constexpr std::array<std::string_view, 9> kKeys = {"load",     "repeat",   "window",
                                                     "requests", "metrics",  "full_run_metrics",
                                                     "client",   "warnings", "extra"};
  constexpr std::array<std::string_view, 3> kLoadKeys = {"concurrency", "rate", "arrivals"};
  constexpr std::array<std::string_view, 4> kWindowKeys = {"kind", "rule", "begin", "end"};
  constexpr std::array<std::string_view, 4> kRequestKeys = {"attempted", "ok", "failed",
                                                            "cancelled"};
  constexpr std::array<std::string_view, 6> kClientKeys = {
      "limited", "reasons", "lag_counts", "lag_p99", "cpu_share", "schedule_delay_p99"};
  refuse_unknown_keys(fields, kKeys);
  PointRecord point;
  with_object(fields, "load", kLoadKeys, [&](const Fields& load) {
    point.load.concurrency = load.count("concurrency", 0);
    point.load.rate = load.number("rate");
    point.load.arrivals = load.string("arrivals").value_or("closed");
  });
  point.repeat = fields.count("repeat", 0).value_or(0);
  with_object(fields, "window", kWindowKeys, [&](const Fields& window) {
    point.window.kind = window.string("kind").value_or("full");
    point.window.rule = text_of(window, "rule");
    point.window.begin = window.number("begin").value_or(0);
    point.window.end = window.number("end").value_or(0);
  });
  with_object(fields, "requests", kRequestKeys, [&](const Fields& requests) {
    point.requests = {.attempted = counted(requests, "attempted"),
                      .ok = counted(requests, "ok"),
                      .failed = counted(requests, "failed"),
                      .cancelled = counted(requests, "cancelled")};
  });
  point.metrics = metrics_of(fields, "metrics");
  point.full_run_metrics = metrics_of(fields, "full_run_metrics");
  with_object(fields, "client", kClientKeys,
              [&](const Fields& client) { point.client = client_of(client); });
  point.warnings = texts_of(fields, "warnings");
  point.extra_json = document_of(fields, "extra");
  return point;
}

void read_target(const Fields& fields, RunRecord& run) {
  run.url = text_of(fields, "url");
  run.model = text_of(fields, "model");
  run.engine = text_of(fields, "engine");
  run.engine_version = text_of(fields, "engine_version");
  run.hardware = text_of(fields, "hardware");
  run.gpus = fields.count("gpus", 0).value_or(0);
  run.prefill_gpus = fields.count("prefill_gpus", 0).value_or(0);
  run.decode_gpus = fields.count("decode_gpus", 0).value_or(0);
  run.precision = text_of(fields, "precision");
  run.speculation = text_of(fields, "speculation");
}

}  // namespace

std::string run_to_json(const RunRecord& run) {
  ordered_json points = ordered_json::array();
  for (const PointRecord& point : run.points) points.push_back(to_json(point));
  ordered_json loads = ordered_json::array();
  for (const CombinedPoint& combined : combined_points(run.points)) {
    loads.push_back({{"load", to_json(combined.point.load)},
                     {"repeats", combined.repeats},
                     {"metrics", to_json(combined.point.metrics)}});
  }
  return dump_json({{"schema", kRunSchema},
                    {"run_id", text(run.id)},
                    {"created_unix", number(run.created_unix)},
                    {"origin", run.origin},
                    {"label", text(run.label)},
                    {"state", run_state_word(run.state)},
                    {"verdict",
                     {{"complete", run.state == RunState::kComplete},
                      {"client_limited", client_limited(run)},
                      {"gate", gate_verdict_word(run.gate)}}},
                    {"target",
                     {{"url", text(run.url)},
                      {"model", text(run.model)},
                      {"engine", text(run.engine)},
                      {"engine_version", text(run.engine_version)},
                      {"hardware", text(run.hardware)},
                      {"gpus", count_or_null(run.gpus)},
                      {"prefill_gpus", count_or_null(run.prefill_gpus)},
                      {"decode_gpus", count_or_null(run.decode_gpus)},
                      {"precision", text(run.precision)},
                      {"speculation", text(run.speculation)}}},
                    {"workload", text(run.workload)},
                    {"source", text(run.source)},
                    {"plan", document(run.plan_json, "plan")},
                    {"provenance", document(run.provenance_json, "provenance")},
                    {"gate_report", document(run.gate_json, "gate report")},
                    {"points", std::move(points)},
                    {"loads", std::move(loads)}});
}

RunRecord run_from_json(std::string_view text, const std::string& where) {
  // What "loads" says follows from the points.
  constexpr std::array<std::string_view, 15> kKeys = {
      "schema", "run_id",     "created_unix", "origin",   "label",
      "state",  "verdict",    "target",       "workload", "source",
      "plan",   "provenance", "gate_report",  "points",   "loads"};
  constexpr std::array<std::string_view, 3> kVerdictKeys = {"complete", "client_limited", "gate"};
  constexpr std::array<std::string_view, 10> kTargetKeys = {
      "url",  "model",        "engine",      "engine_version", "hardware",
      "gpus", "prefill_gpus", "decode_gpus", "precision",      "speculation"};
  const ordered_json json = parse_json_file_text(text, where);
  const FieldsSource source{.code = ErrorCode::kInvalidFile,
                            .file = where,
                            .remedy = "docs/measuring.md defines the document hadal.run/1"};
  const Fields fields(json, "", source);
  if (fields.required_string("schema") != kRunSchema) {
    fields.refuse("schema", std::string("must be \"") + kRunSchema + "\"");
  }
  refuse_unknown_keys(fields, kKeys);
  RunRecord run;
  run.id = text_of(fields, "run_id");
  run.created_unix = fields.number("created_unix").value_or(0);
  run.origin = fields.string("origin").value_or("measured");
  run.label = text_of(fields, "label");
  const std::optional<RunState> state = run_state_of(fields.required_string("state"));
  if (!state) fields.refuse("state", "is none that a run can have");
  run.state = *state;
  with_object(fields, "verdict", kVerdictKeys, [&](const Fields& verdict) {
    const std::optional<GateVerdict> gate =
        gate_verdict_of(verdict.string("gate").value_or("not_run"));
    if (!gate) verdict.refuse("gate", "must be \"not_run\", \"passed\" or \"failed\"");
    run.gate = *gate;
  });
  with_object(fields, "target", kTargetKeys,
              [&](const Fields& target) { read_target(target, run); });
  run.workload = text_of(fields, "workload");
  run.source = text_of(fields, "source");
  run.plan_json = document_of(fields, "plan");
  run.provenance_json = document_of(fields, "provenance");
  run.gate_json = document_of(fields, "gate_report");
  fields.each("points", [&](const ordered_json& point, const std::string& path) {
    run.points.push_back(point_of(Fields(point, path, source)));
  });
  return run;
}

}  // namespace hadal
