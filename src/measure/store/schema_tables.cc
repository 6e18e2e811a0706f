#include <algorithm>

#include "base/check.h"
#include "measure/store/schema.h"

namespace hadal {
namespace {

using Columns = std::vector<TableColumn>;

constexpr const char* kOptional = "";

TableColumn text(const char* name) { return {.name = name, .type = "text"}; }
TableColumn integer(const char* name) { return {.name = name, .type = "integer"}; }
TableColumn real(const char* name) { return {.name = name, .type = "real"}; }
TableColumn optional_integer(const char* name) {
  return {.name = name, .type = "integer", .rule = kOptional};
}
TableColumn optional_real(const char* name) {
  return {.name = name, .type = "real", .rule = kOptional};
}
TableColumn flag(const char* name) {
  return {.name = name,
          .type = "integer",
          .rule = std::string("NOT NULL CHECK (") + name + " IN (0, 1))"};
}
TableColumn one_of(const char* name, const std::string& words) {
  return {.name = name,
          .type = "text",
          .rule = std::string("NOT NULL CHECK (") + name + " IN (" + words + "))"};
}

TableShape runs() {
  return {.name = "runs",
          .columns = {text("id"), real("created_unix"), text("origin"), text("label"), text("url"),
                      text("model"), text("engine"), text("engine_version"), text("hardware"),
                      integer("gpus"), integer("prefill_gpus"), integer("decode_gpus"),
                      text("precision"), text("speculation"), text("workload"), text("source"),
                      text("plan_json"), text("provenance_json")},
          .rules = "PRIMARY KEY (id)",
          .key = "id"};
}

TableShape points() {
  return {
      .name = "points",
      .columns = {text("run_id"), integer("point"), optional_integer("concurrency"),
                  optional_real("rate"), text("arrivals"), integer("repeat"), real("begun_unix")},
      .rules = "PRIMARY KEY (run_id, point), FOREIGN KEY (run_id) REFERENCES runs (id)",
      .key = "point"};
}

TableShape point_results() {
  return {.name = "point_results",
          .columns = {text("run_id"), integer("point"), real("duration"), text("window_kind"),
                      text("window_rule"), real("window_begin"), real("window_end"),
                      integer("attempted"), integer("ok"), integer("failed"), integer("cancelled"),
                      text("client_lag_counts"), real("client_lag_p99"), real("client_cpu_share"),
                      optional_real("client_schedule_delay_p99"), flag("client_limited"),
                      text("client_reasons"), text("warnings"), text("extra_json")},
          .rules =
              "PRIMARY KEY (run_id, point), "
              "FOREIGN KEY (run_id, point) REFERENCES points (run_id, point)",
          .key = "point"};
}

TableShape metrics() {
  Columns columns = {
      text("run_id"), integer("point"), integer("place"), one_of("scope", "'window', 'full_run'"),
      text("metric"), text("unit"),     integer("count")};
  for (const char* figure : {"mean", "p50", "p90", "p95", "p99"}) {
    columns.push_back(optional_real(figure));
    columns.push_back(optional_real((std::string(figure) + "_low").c_str()));
    columns.push_back(optional_real((std::string(figure) + "_high").c_str()));
  }
  return {.name = "metrics",
          .columns = std::move(columns),
          .rules =
              "PRIMARY KEY (run_id, point, place), UNIQUE (run_id, point, scope, metric), "
              "FOREIGN KEY (run_id, point) REFERENCES points (run_id, point)",
          .key = "point, place"};
}

TableShape requests() {
  return {.name = "requests",
          .columns = {text("run_id"),
                      integer("point"),
                      integer("place"),
                      integer("plan_index"),
                      one_of("phase", "'warm_up', 'measured'"),
                      integer("session"),
                      integer("turn"),
                      optional_real("planned"),
                      real("sent"),
                      optional_real("headers"),
                      optional_real("first_token"),
                      optional_real("first_answer_token"),
                      optional_real("last_token"),
                      real("ended"),
                      integer("asked_input_tokens"),
                      integer("asked_output_tokens"),
                      integer("expected_cached_tokens"),
                      optional_integer("input_tokens"),
                      optional_integer("cached_tokens"),
                      optional_integer("output_tokens"),
                      optional_integer("reasoning_tokens"),
                      flag("tokens_estimated"),
                      optional_real("server_prefill_seconds"),
                      optional_real("server_decode_seconds"),
                      one_of("outcome", "'ok', 'failed', 'cancelled'"),
                      text("failure"),
                      text("failure_text"),
                      integer("http_status"),
                      text("finish_reason")},
          .rules =
              "PRIMARY KEY (run_id, point, place), "
              "FOREIGN KEY (run_id, point) REFERENCES points (run_id, point)",
          .key = "point, place"};
}

TableShape power() {
  return {.name = "power",
          .columns = {text("run_id"), integer("point"), integer("place"), real("seconds"),
                      real("watts"), text("meter"), text("device")},
          .rules =
              "PRIMARY KEY (run_id, point, place), "
              "FOREIGN KEY (run_id, point) REFERENCES points (run_id, point)",
          .key = "point, place"};
}

TableShape samples() {
  return {.name = "samples",
          .columns = {text("run_id"),
                      integer("point"),
                      integer("part"),
                      text("kind"),
                      integer("first_place"),
                      integer("raw_bytes"),
                      text("sha256"),
                      {.name = "data", .type = "bytes"}},
          .rules =
              "PRIMARY KEY (run_id, point, part), "
              "FOREIGN KEY (run_id, point) REFERENCES points (run_id, point)",
          .key = "point, part"};
}

TableShape batches() {
  return {.name = "batches",
          .columns = {text("run_id"), integer("point"), integer("batch"), real("written_unix"),
                      integer("requests"), integer("power"), integer("samples")},
          .rules =
              "PRIMARY KEY (run_id, point, batch), "
              "FOREIGN KEY (run_id, point) REFERENCES points (run_id, point)",
          .key = "point, batch"};
}

TableShape run_ends() {
  return {
      .name = "run_ends",
      .columns = {text("run_id"), real("ended_unix"),
                  one_of("state", "'complete', 'partial', 'failed', 'invalid'"), text("reason")},
      .rules = "PRIMARY KEY (run_id), FOREIGN KEY (run_id) REFERENCES runs (id)",
      .key = "run_id"};
}

TableShape gates() {
  return {.name = "gates",
          .columns = {text("run_id"), text("id"), real("recorded_unix"),
                      one_of("verdict", "'passed', 'failed'"), text("report_json"), text("sha256")},
          .rules = "PRIMARY KEY (id), FOREIGN KEY (run_id) REFERENCES runs (id)",
          .key = "recorded_unix, id",
          .until = RowsUntil::kForever};
}

TableShape annotations() {
  return {.name = "annotations",
          .columns = {text("run_id"), text("id"), real("created_unix"), text("author"),
                      text("field"), text("value"), text("reason"), text("sha256")},
          .rules = "PRIMARY KEY (id), FOREIGN KEY (run_id) REFERENCES runs (id)",
          .key = "created_unix, id",
          .until = RowsUntil::kForever};
}

}  // namespace

std::vector<std::string> TableShape::column_names() const {
  std::vector<std::string> names;
  for (const TableColumn& column : columns) names.push_back(column.name);
  return names;
}

std::string TableShape::select_rows_of_run() const {
  std::string sql;
  for (const TableColumn& column : columns) sql += (sql.empty() ? "SELECT " : ", ") + column.name;
  return sql + " FROM " + name + " WHERE " + columns.front().name + " = $1 ORDER BY " + key;
}

const std::vector<TableShape>& run_tables() {
  static const std::vector<TableShape> tables = {runs(),     points(),  requests(),      power(),
                                                 samples(),  batches(), point_results(), metrics(),
                                                 run_ends(), gates(),   annotations()};
  return tables;
}

const TableShape& run_table(std::string_view name) {
  const std::vector<TableShape>& tables = run_tables();
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const TableShape& table) { return table.name == name; });
  HADAL_CHECK(found != tables.end());
  return *found;
}

const TableShape& writers_table() {
  static const TableShape table = {
      .name = "run_writers",
      .columns = {text("run_id"), text("host"), text("process_space"), integer("process"),
                  integer("process_started")},
      .rules = "PRIMARY KEY (run_id), FOREIGN KEY (run_id) REFERENCES runs (id)",
      .key = "run_id"};
  return table;
}

const TableShape& digests_table() {
  static const TableShape table = {
      .name = "digests",
      .columns = {text("run_id"), text("name"), integer("row_count"), text("sha256")},
      .rules = "PRIMARY KEY (run_id, name), FOREIGN KEY (run_id) REFERENCES runs (id)",
      .key = "name",
      .until = RowsUntil::kForever};
  return table;
}

const std::vector<std::string>& correctable_fields() {
  static const std::vector<std::string> fields = {
      "label",       "url",      "model",        "engine",      "engine_version",
      "hardware",    "gpus",     "prefill_gpus", "decode_gpus", "precision",
      "speculation", "workload", "source"};
  return fields;
}

}  // namespace hadal
