#include "measure/store/run_rows.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "measure/metrics/statistics_of.h"
#include "measure/store/run_words.h"
#include "measure/store/ulid.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// Collects the values of a row in the order of the table's columns.
class Row {
 public:
  Row& text(std::string_view value) { return add(sql_text(value)); }
  Row& integer(int64_t value) { return add(value); }
  Row& flag(bool value) { return add(int64_t{value}); }
  Row& real(double value) {
    if (!std::isfinite(value)) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "run",
                   .what = "a figure that must be there is no number",
                   .remedy = "nothing of this batch was stored"});
    }
    return add(value + 0.0);  // -0 becomes 0, as SQLite keeps it anyway
  }
  Row& optional_integer(std::optional<int64_t> value) {
    return value ? add(*value) : add(std::monostate());
  }
  Row& optional_real(std::optional<double> value) {
    return value && std::isfinite(*value) ? add(*value + 0.0) : add(std::monostate());
  }
  SqlRow take() { return std::move(row_); }

 private:
  Row& add(SqlValue value) {
    row_.push_back(std::move(value));
    return *this;
  }

  SqlRow row_;
};

std::string count_list_json(const std::vector<int64_t>& list) {
  ordered_json json = ordered_json::array();
  for (const int64_t count : list) json.push_back(count);
  return dump_json(json);
}

ordered_json array_of(const std::string& json, const std::string& where) {
  ordered_json list = parse_json(json, where, ErrorCode::kInvalidFile);
  if (!list.is_array()) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "a row has no list where one must be",
                 .remedy = "check where it comes from"});
  }
  return list;
}

std::vector<int64_t> count_list_of(const std::string& json, const std::string& where) {
  std::vector<int64_t> counts;
  for (const ordered_json& count : array_of(json, where)) {
    SqlRow one = {count.is_number_integer() ? SqlValue(count.get<int64_t>()) : SqlValue()};
    counts.push_back(SqlRowReader(one, where).integer());
  }
  return counts;
}

Row& add_figure(Row& row, std::optional<double> value, const std::optional<Interval>& interval) {
  row.optional_real(value);
  const bool finite = interval && std::isfinite(interval->low) && std::isfinite(interval->high);
  row.optional_real(finite ? std::optional(interval->low) : std::nullopt);
  return row.optional_real(finite ? std::optional(interval->high) : std::nullopt);
}

void read_figure(SqlRowReader& row, std::optional<double>& value,
                 std::optional<Interval>& interval) {
  value = row.optional_real();
  const std::optional<double> low = row.optional_real();
  const std::optional<double> high = row.optional_real();
  if (low.has_value() != high.has_value()) row.refuse("an interval has one end");
  if (low) interval = Interval{.low = *low, .high = *high};
}

}  // namespace

std::string text_list_json(const std::vector<std::string>& list) {
  ordered_json json = ordered_json::array();
  for (const std::string& text : list) json.push_back(sql_text(text));
  return dump_json(json);
}

std::vector<std::string> text_list_of(const std::string& json, const std::string& where) {
  std::vector<std::string> list;
  for (const ordered_json& text : array_of(json, where)) {
    SqlRow one = {text.is_string() ? SqlValue(text.get<std::string>()) : SqlValue()};
    list.push_back(SqlRowReader(one, where).text());
  }
  return list;
}

SqlRow run_row(const RunRecord& run) {
  return Row()
      .text(run.id)
      .real(run.created_unix)
      .text(run.origin)
      .text(run.label)
      .text(run.url)
      .text(run.model)
      .text(run.engine)
      .text(run.engine_version)
      .text(run.hardware)
      .integer(run.gpus)
      .integer(run.prefill_gpus)
      .integer(run.decode_gpus)
      .text(run.precision)
      .text(run.speculation)
      .text(run.workload)
      .text(run.source)
      .text(run.plan_json)
      .text(run.provenance_json)
      .take();
}

std::string run_id_of(SqlRowReader& row) {
  std::string id = row.text();
  if (!ulid_time(id)) row.refuse("a run's name is no ULID");
  return id;
}

RunRecord run_of(SqlRow& row, const std::string& where) {
  SqlRowReader reader(row, where);
  RunRecord run;
  run.id = run_id_of(reader);
  run.created_unix = reader.real();
  run.origin = reader.text();
  run.label = reader.text();
  run.url = reader.text();
  run.model = reader.text();
  run.engine = reader.text();
  run.engine_version = reader.text();
  run.hardware = reader.text();
  run.gpus = reader.int32();
  run.prefill_gpus = reader.int32();
  run.decode_gpus = reader.int32();
  run.precision = reader.text();
  run.speculation = reader.text();
  run.workload = reader.text();
  run.source = reader.text();
  run.plan_json = reader.text();
  run.provenance_json = reader.text();
  return run;
}

SqlRow point_row(const std::string& run_id, int64_t point, const PointStart& start) {
  return Row()
      .text(run_id)
      .integer(point)
      .optional_integer(start.load.concurrency)
      .optional_real(start.load.rate)
      .text(start.load.arrivals)
      .integer(start.repeat)
      .real(start.begun_unix)
      .take();
}

std::pair<int64_t, PointRecord> point_of(SqlRow& row, const std::string& where) {
  SqlRowReader reader(row, where);
  std::pair<int64_t, PointRecord> point;
  reader.text();
  point.first = reader.integer();
  const bool has_concurrency = !std::holds_alternative<std::monostate>(row.at(2));
  if (has_concurrency) {
    point.second.load.concurrency = reader.int32();
  } else {
    reader.optional_integer();
  }
  point.second.load.rate = reader.optional_real();
  point.second.load.arrivals = reader.text();
  point.second.repeat = reader.int32();
  return point;
}

SqlRow point_result_row(const std::string& run_id, int64_t point, const PointRecord& record,
                        double duration) {
  return Row()
      .text(run_id)
      .integer(point)
      .real(duration)
      .text(record.window.kind)
      .text(record.window.rule)
      .real(record.window.begin)
      .real(record.window.end)
      .integer(record.requests.attempted)
      .integer(record.requests.ok)
      .integer(record.requests.failed)
      .integer(record.requests.cancelled)
      .text(count_list_json(record.client.lag_counts))
      .real(record.client.lag_p99)
      .real(record.client.cpu_share)
      .optional_real(record.client.schedule_delay_p99)
      .flag(record.client.limited)
      .text(text_list_json(record.client.reasons))
      .text(text_list_json(record.warnings))
      .text(record.extra_json)
      .take();
}

PointResult point_result_of(SqlRow& row, const std::string& where) {
  SqlRowReader reader(row, where);
  PointResult result;
  reader.text();
  result.point = reader.integer();
  result.duration = reader.real();
  result.window.kind = reader.text();
  result.window.rule = reader.text();
  result.window.begin = reader.real();
  result.window.end = reader.real();
  result.requests.attempted = reader.integer();
  result.requests.ok = reader.integer();
  result.requests.failed = reader.integer();
  result.requests.cancelled = reader.integer();
  result.client.lag_counts = count_list_of(reader.text(), where);
  result.client.lag_p99 = reader.real();
  result.client.cpu_share = reader.real();
  result.client.schedule_delay_p99 = reader.optional_real();
  result.client.limited = reader.boolean();
  result.client.reasons = text_list_of(reader.text(), where);
  result.warnings = text_list_of(reader.text(), where);
  result.extra_json = reader.text();
  return result;
}

std::vector<SqlRow> metric_rows(const std::string& run_id, int64_t point,
                                const PointRecord& record) {
  std::vector<SqlRow> rows;
  const auto add = [&](const std::vector<MetricValue>& values, const char* scope) {
    for (const MetricValue& value : values) {
      Row row;
      row.text(run_id)
          .integer(point)
          .integer(static_cast<int64_t>(rows.size()))
          .text(scope)
          .text(value.id)
          .text(value.unit)
          .integer(value.count);
      for (const Statistic& figure : kStatistics) {
        add_figure(row, value.*figure.value, value.*figure.interval);
      }
      rows.push_back(row.take());
    }
  };
  add(record.metrics, "window");
  add(record.full_run_metrics, "full_run");
  return rows;
}

MetricRow metric_of(SqlRow& row, const std::string& where) {
  SqlRowReader reader(row, where);
  MetricRow metric;
  reader.text();
  metric.point = reader.integer();
  reader.integer();
  metric.full_run = reader.text() == "full_run";
  MetricValue& value = metric.value;
  value.id = reader.text();
  value.unit = reader.text();
  value.count = reader.integer();
  for (const Statistic& figure : kStatistics) {
    read_figure(reader, value.*figure.value, value.*figure.interval);
  }
  return metric;
}

SqlRow request_row(const std::string& run_id, int64_t point, int64_t place,
                   const RequestRecord& request) {
  return Row()
      .text(run_id)
      .integer(point)
      .integer(place)
      .integer(request.index)
      .text(request_phase_word(request.phase))
      .integer(request.session)
      .integer(request.turn)
      .optional_real(request.planned)
      .real(request.sent)
      .optional_real(request.headers)
      .optional_real(request.first_token)
      .optional_real(request.first_answer_token)
      .optional_real(request.last_token)
      .real(request.ended)
      .integer(request.asked_input_tokens)
      .integer(request.asked_output_tokens)
      .integer(request.expected_cached_tokens)
      .optional_integer(request.input_tokens)
      .optional_integer(request.cached_tokens)
      .optional_integer(request.output_tokens)
      .optional_integer(request.reasoning_tokens)
      .flag(request.tokens_estimated)
      .optional_real(request.server_prefill_seconds)
      .optional_real(request.server_decode_seconds)
      .text(request_outcome_word(request.outcome))
      .text(request.failure)
      .text(request.failure_text)
      .integer(request.http_status)
      .text(request.finish_reason)
      .take();
}

RequestRecord request_of(SqlRow& row, const std::string& where) {
  SqlRowReader reader(row, where);
  RequestRecord request;
  reader.text();
  reader.integer();
  reader.integer();
  request.index = reader.integer();
  request.phase = reader.known(request_phase_of(reader.text()));
  request.session = reader.integer();
  request.turn = reader.int32();
  request.planned = reader.optional_real();
  request.sent = reader.real();
  request.headers = reader.optional_real();
  request.first_token = reader.optional_real();
  request.first_answer_token = reader.optional_real();
  request.last_token = reader.optional_real();
  request.ended = reader.real();
  request.asked_input_tokens = reader.integer();
  request.asked_output_tokens = reader.integer();
  request.expected_cached_tokens = reader.integer();
  request.input_tokens = reader.optional_integer();
  request.cached_tokens = reader.optional_integer();
  request.output_tokens = reader.optional_integer();
  request.reasoning_tokens = reader.optional_integer();
  request.tokens_estimated = reader.boolean();
  request.server_prefill_seconds = reader.optional_real();
  request.server_decode_seconds = reader.optional_real();
  request.outcome = reader.known(request_outcome_of(reader.text()));
  request.failure = reader.text();
  request.failure_text = reader.text();
  request.http_status = reader.int32();
  request.finish_reason = reader.text();
  return request;
}

SqlRow power_row(const std::string& run_id, int64_t point, int64_t place,
                 const PowerSample& sample) {
  return Row()
      .text(run_id)
      .integer(point)
      .integer(place)
      .real(sample.seconds)
      .real(sample.watts)
      .text(sample.meter)
      .text(sample.device)
      .take();
}

PowerSample power_of(SqlRow& row, const std::string& where) {
  SqlRowReader reader(row, where);
  PowerSample sample;
  reader.text();
  reader.integer();
  reader.integer();
  sample.seconds = reader.real();
  sample.watts = reader.real();
  sample.meter = reader.text();
  sample.device = reader.text();
  return sample;
}

}  // namespace hadal
