#include "measure/dashboard/run_pages.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "measure/metrics/statistics_of.h"
#include "measure/store/run_rows.h"
#include "measure/store/run_words.h"
#include "measure/store/schema.h"

namespace hadal {
namespace {

using Runs = std::map<std::string, DashboardRun, std::less<>>;

// Ids from the newest, and the times between which they were created.
struct PageBounds {
  std::vector<std::string> ids = {};
  double from_unix = 0;
  double to_unix = 0;  // exclusive
};

PageBounds bounds_of(RunStore& store, const RunPage& page) {
  PageBounds bounds;
  const std::array<SqlValue, 2> window = {page.most, page.offset};
  store.connection().query(
      "SELECT id, created_unix FROM runs ORDER BY created_unix DESC, id DESC LIMIT $1 OFFSET $2",
      window, [&](SqlRow& row) {
        SqlRowReader reader(row, store.name());
        bounds.ids.push_back(reader.text());
        bounds.from_unix = reader.real();
        if (bounds.ids.size() == 1) {
          bounds.to_unix =
              std::nextafter(bounds.from_unix, std::numeric_limits<double>::infinity());
        }
      });
  return bounds;
}

class PageReader {
 public:
  PageReader(RunStore& store, PageBounds bounds)
      : store_(store),
        bounds_(std::move(bounds)),
        span_({bounds_.from_unix, bounds_.to_unix}),
        wanted_(bounds_.ids.begin(), bounds_.ids.end()) {}

  void read() {
    read_summaries();
    each_row("points", "", [&](DashboardRun& run, SqlRow& row) {
      auto [number, point] = point_of(row, store_.name());
      run.point_numbers.push_back(number);
      point.warnings.emplace_back(
          unfinished_point_warning(run.summary.run.state == RunState::kRunning));
      run.summary.run.points.push_back(std::move(point));
    });
    each_row("point_results", "", [&](DashboardRun& run, SqlRow& row) {
      PointResult result = point_result_of(row, store_.name());
      PointRecord* point = point_at(run, result.point);
      if (point == nullptr) return;
      point->window = std::move(result.window);
      point->requests = std::move(result.requests);
      point->client = std::move(result.client);
      point->warnings = std::move(result.warnings);
    });
    each_row("metrics", " AND scope = 'window'", [&](DashboardRun& run, SqlRow& row) {
      MetricRow metric = metric_of(row, store_.name());
      PointRecord* point = point_at(run, metric.point);
      if (point != nullptr) point->metrics.push_back(std::move(metric.value));
    });
    each_row("annotations", "", [&](DashboardRun& run, SqlRow& row) {
      SqlRowReader reader(row, store_.name());
      reader.text();
      RunAnnotation& note = run.notes.emplace_back();
      note.id = reader.text();
      note.created_unix = reader.real();
      note.author = reader.text();
      note.field = reader.text();
      note.value = reader.text();
      note.reason = reader.text();
    });
    read_launch_commands();
  }

  const std::vector<std::string>& ids() const { return bounds_.ids; }
  const Runs& runs() const { return runs_; }
  const std::map<std::string, std::string, std::less<>>& damaged() const { return damaged_; }

 private:
  static PointRecord* point_at(DashboardRun& run, int64_t number) {
    const auto found = std::find(run.point_numbers.begin(), run.point_numbers.end(), number);
    if (found == run.point_numbers.end()) return nullptr;
    return &run.summary.run.points[static_cast<size_t>(found - run.point_numbers.begin())];
  }

  void keep(std::vector<RunSummary> summaries) {
    for (RunSummary& summary : summaries) {
      const std::string id = summary.run.id;
      if (wanted_.contains(id)) runs_[id].summary = std::move(summary);
    }
  }

  void read_summaries() {
    try {
      keep(store_.list({.from_unix = bounds_.from_unix, .to_unix = bounds_.to_unix}));
      return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInvalidFile) throw;
    }
    // One of them is damaged: which, each alone tells.
    for (const std::string& id : bounds_.ids) {
      try {
        keep({store_.load(id).summary});
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kInvalidFile) throw;
        damaged_[id] = error.what();
      }
    }
  }

  template <typename Use>
  void each_row(const char* table, const std::string& condition, Use use) {
    const TableShape& shape = run_table(table);
    std::string sql;
    for (const std::string& column : shape.column_names()) {
      sql += (sql.empty() ? "SELECT " : ", ") + column;
    }
    sql += " FROM " + shape.name +
           " WHERE run_id IN (SELECT id FROM runs WHERE created_unix >= $1 AND created_unix < $2)" +
           condition + " ORDER BY run_id, " + shape.key;
    store_.connection().query(sql, span_, [&](SqlRow& row) {
      const std::string* id =
          row.empty() ? nullptr : std::get_if<std::string>(&std::as_const(row.front()));
      if (id == nullptr) return;
      const auto run = runs_.find(*id);
      if (run == runs_.end()) return;
      const std::string run_id = *id;  // reading takes it out of the row
      try {
        use(run->second, row);
      } catch (const Error& error) {
        damaged_[run_id] = error.what();
      }
    });
  }

  void read_launch_commands() {
    store_.connection().query(
        "SELECT id, provenance_json FROM runs WHERE created_unix >= $1 AND created_unix < $2",
        span_, [&](SqlRow& row) {
          SqlRowReader reader(row, store_.name());
          const auto run = runs_.find(reader.text());
          if (run == runs_.end()) return;
          const std::string text = reader.text();
          if (text.find("launch_command") == std::string::npos) return;
          try {
            const nlohmann::ordered_json json = parse_json(text, store_.name());
            const auto command = nlohmann::ordered_json::json_pointer("/server/launch_command");
            if (json.contains(command) && json[command].is_string()) {
              run->second.launch_command = json[command].get<std::string>();
            }
          } catch (const Error& error) {
            damaged_[run->first] = error.what();
          }
        });
  }

  RunStore& store_;
  PageBounds bounds_;
  std::array<SqlValue, 2> span_;
  std::set<std::string, std::less<>> wanted_;
  Runs runs_;
  std::map<std::string, std::string, std::less<>> damaged_;
};

void write_metric(JsonText& json, const MetricValue& metric) {
  std::array<std::optional<double>, 3 * kStatistics.size()> values;
  size_t used = 0;
  const auto put = [&](size_t place, const std::optional<double>& value) {
    if (!value || !std::isfinite(*value)) return;
    values[place] = value;
    used = std::max(used, place + 1);
  };
  for (size_t i = 0; i < kStatistics.size(); ++i) {
    put(i, metric.*kStatistics[i].value);
    const std::optional<Interval>& interval = metric.*kStatistics[i].interval;
    if (!interval) continue;
    put(kStatistics.size() + 2 * i, interval->low);
    put(kStatistics.size() + 2 * i + 1, interval->high);
  }
  json.begin_array().integer(metric.count);
  for (size_t i = 0; i < used; ++i) json.number(values[i]);
  json.end_array();
}

void write_texts(JsonText& json, std::string_view name, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  json.key(name).begin_array();
  for (const std::string& text : texts) json.text(text);
  json.end_array();
}

void write_point(JsonText& json, int64_t number, const PointRecord& point) {
  json.begin_object().member("n", number);
  if (point.load.concurrency) json.member("concurrency", *point.load.concurrency);
  if (point.load.rate) json.member("rate", *point.load.rate);
  json.member("arrivals", point.load.arrivals).member("repeat", point.repeat);
  json.member("window", point.window.kind);
  json.member("seconds", point.window.end - point.window.begin);
  json.member("attempted", point.requests.attempted).member("ok", point.requests.ok);
  json.member("failed", point.requests.failed).member("cancelled", point.requests.cancelled);
  json.member("limited", point.client.limited);
  write_texts(json, "reasons", point.client.reasons);
  write_texts(json, "warnings", point.warnings);
  json.key("metrics").begin_object();
  for (const MetricValue& metric : point.metrics) {
    json.key(metric.id);
    write_metric(json, metric);
  }
  json.end_object().end_object();
}

}  // namespace

void write_metric_columns(JsonText& json) {
  json.begin_array().text("count");
  for (const Statistic& figure : kStatistics) json.text(figure.name);
  for (const Statistic& figure : kStatistics) {
    const std::string name(figure.name);
    json.text(name + "_low").text(name + "_high");
  }
  json.end_array();
}

void write_dashboard_run(JsonText& json, const DashboardRun& entry) {
  const RunSummary& summary = entry.summary;
  const RunRecord& run = summary.run;
  json.begin_object().member("id", run.id).member("created", run.created_unix);
  json.member("ended", summary.ended_unix).member("origin", run.origin);
  json.member("state", run_state_word(run.state)).member("abandoned", summary.abandoned);
  json.member("gate", gate_verdict_word(run.gate)).member("limited", summary.client_limited);
  json.known("reason", summary.reason).known("label", run.label).known("url", run.url);
  json.known("model", run.model).known("engine", run.engine);
  json.known("engine_version", run.engine_version).known("hardware", run.hardware);
  if (run.gpus > 0) json.member("gpus", run.gpus);
  if (run.prefill_gpus > 0) json.member("prefill_gpus", run.prefill_gpus);
  if (run.decode_gpus > 0) json.member("decode_gpus", run.decode_gpus);
  json.known("precision", run.precision).known("speculation", run.speculation);
  json.known("workload", run.workload).known("source", run.source);
  json.known("launch_command", entry.launch_command);
  json.key("notes").begin_array();
  for (const RunAnnotation& note : entry.notes) {
    json.begin_object().member("created", note.created_unix).known("author", note.author);
    json.known("field", note.field).known("value", note.value).known("reason", note.reason);
    json.end_object();
  }
  json.end_array().key("points").begin_array();
  for (size_t i = 0; i < run.points.size(); ++i) {
    write_point(json, entry.point_numbers[i], run.points[i]);
  }
  json.end_array().end_object();
}

std::optional<int64_t> write_runs_page(JsonText& json, RunStore& store, const RunPage& page) {
  const int64_t total = sql_integer(store.connection(), "SELECT COUNT(*) FROM runs");
  PageReader reader(store, bounds_of(store, page));
  if (!reader.ids().empty()) reader.read();

  json.begin_object().member("total", total).member("offset", page.offset);
  json.key("metric_columns");
  write_metric_columns(json);
  json.key("runs").begin_array();
  const size_t begin = json.size();
  int64_t next = page.offset;
  for (const std::string& id : reader.ids()) {
    if (json.size() - begin >= page.most_bytes) break;
    ++next;
    const auto run = reader.runs().find(id);
    if (run != reader.runs().end() && !reader.damaged().contains(id)) {
      write_dashboard_run(json, run->second);
    }
  }
  json.end_array().key("damaged").begin_array();
  for (const auto& [id, why] : reader.damaged()) {
    json.begin_object().member("id", id).member("why", why).end_object();
  }
  json.end_array().key("next");
  const bool ends = next >= total || next == page.offset;
  ends ? json.null() : json.integer(next);
  json.end_object();
  return ends ? std::nullopt : std::optional(next);
}

}  // namespace hadal
