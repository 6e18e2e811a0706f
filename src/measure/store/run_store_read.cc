#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "measure/store/annotations.h"
#include "measure/store/engine_blob.h"
#include "measure/store/run_rows.h"
#include "measure/store/run_store.h"
#include "measure/store/run_words.h"
#include "measure/store/sample_blobs.h"
#include "measure/store/schema.h"
#include "measure/store/writer_identity.h"

namespace hadal {
namespace {

// How long a writer that cannot be seen may be silent. A minute passes between batches at most.
constexpr double kSilentSeconds = 3600;
// Of one point before compression: what loading it may take.
constexpr int64_t kMostPointBytes = int64_t{4} << 30;

constexpr const char* kSummaryColumns =
    "SELECT id, created_unix, origin, label, url, model, engine, engine_version, hardware, gpus, "
    "prefill_gpus, decode_gpus, precision, speculation, workload, source, state, ended_unix, "
    "reason, gate, points, finished_points, client_limited FROM run_overview";

RunSummary summary_of(SqlRow& row, const std::string& where) {
  SqlRowReader reader(row, where);
  RunSummary summary;
  RunRecord& run = summary.run;
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
  run.state = reader.known(run_state_of(reader.text()));
  summary.ended_unix = reader.optional_real();
  summary.reason = reader.text();
  run.gate = reader.known(gate_verdict_of(reader.text()));
  summary.points = reader.integer();
  summary.finished_points = reader.integer();
  summary.client_limited = reader.boolean();
  return summary;
}

RunAnnotation annotation_of(SqlRow& row, const std::string& where) {
  SqlRowReader reader(row, where);
  RunAnnotation annotation;
  reader.text();
  annotation.id = reader.text();
  annotation.created_unix = reader.real();
  annotation.author = reader.text();
  annotation.field = reader.text();
  annotation.value = reader.text();
  annotation.reason = reader.text();
  return annotation;
}

// A pattern of LIKE that finds `text` anywhere; "!" escapes.
std::string containing(const std::string& text) {
  std::string pattern = "%";
  for (const char c : sql_text(text)) {
    if (c == '%' || c == '_' || c == '!') pattern += '!';
    pattern += c;
  }
  return pattern + "%";
}

class Conditions {
 public:
  void contains(const char* column, const std::string& text) {
    if (text.empty()) return;
    add(std::string("LOWER(") + column + ") LIKE LOWER(" + parameter(containing(text)) +
        ") ESCAPE '!'");
  }
  void compares(const std::string& column_and_operator, SqlValue value) {
    add(column_and_operator + " " + parameter(std::move(value)));
  }
  std::string parameter(SqlValue value) {
    parameters_.push_back(std::move(value));
    return "$" + std::to_string(parameters_.size());
  }
  const std::string& sql() const { return sql_; }
  const std::vector<SqlValue>& parameters() const { return parameters_; }

 private:
  void add(const std::string& condition) {
    sql_ += (sql_.empty() ? " WHERE " : " AND ") + condition;
  }

  std::string sql_;
  std::vector<SqlValue> parameters_;
};

// Of a point whose writer did not come to sum it up, or not yet.
PointRecord unfinished(SqlConnection& connection, const std::string& run_id, int64_t point,
                       PointRecord record, bool is_running) {
  record.warnings.emplace_back(unfinished_point_warning(is_running));
  const std::array<SqlValue, 2> key = {run_id, point};
  connection.query(
      "SELECT outcome, COUNT(*) FROM requests WHERE run_id = $1 AND point = $2 AND "
      "phase = 'measured' GROUP BY outcome",
      key, [&](SqlRow& row) {
        SqlRowReader reader(row, connection.name());
        const RequestOutcome outcome = reader.known(request_outcome_of(reader.text()));
        const int64_t count = reader.integer();
        record.requests.attempted += count;
        if (outcome == RequestOutcome::kOk) record.requests.ok = count;
        if (outcome == RequestOutcome::kFailed) record.requests.failed = count;
        if (outcome == RequestOutcome::kCancelled) record.requests.cancelled = count;
      });
  return record;
}

}  // namespace

bool RunStore::is_abandoned(const std::string& run_id, double created_unix) {
  const SqlValue id = run_id;
  std::optional<WriterIdentity> writer;
  connection_->query(writers_table().select_rows_of_run(), {&id, 1}, [&](SqlRow& row) {
    SqlRowReader reader(row, connection_->name());
    reader.text();
    writer.emplace();
    writer->host = reader.text();
    writer->process_space = reader.text();
    writer->process = reader.integer();
    writer->started = reader.integer();
  });
  const WriterState state = writer ? state_of(*writer) : WriterState::kElsewhere;
  if (state != WriterState::kElsewhere) return state == WriterState::kGone;
  double last_sign = created_unix;
  for (const char* sql : {"SELECT MAX(written_unix) FROM batches WHERE run_id = $1",
                          "SELECT MAX(begun_unix) FROM points WHERE run_id = $1"}) {
    connection_->query(sql, {&id, 1}, [&](SqlRow& row) {
      SqlRowReader reader(row, connection_->name());
      last_sign = std::max(last_sign, reader.optional_real().value_or(0));
    });
  }
  return unix_seconds() - last_sign > kSilentSeconds;
}

std::vector<RunSummary> RunStore::list(const RunFilter& filter) {
  Conditions where;
  where.contains("model", filter.model);
  where.contains("engine", filter.engine);
  where.contains("hardware", filter.hardware);
  where.contains("workload", filter.workload);
  where.contains("label", filter.label);
  if (!filter.origin.empty()) where.compares("origin =", sql_text(filter.origin));
  if (filter.from_unix) where.compares("created_unix >=", *filter.from_unix);
  if (filter.to_unix) where.compares("created_unix <", *filter.to_unix);
  std::string sql = kSummaryColumns + where.sql() + " ORDER BY created_unix DESC, id DESC";
  if (filter.most) {
    sql +=
        " LIMIT " + where.parameter(static_cast<int64_t>(std::min<size_t>(*filter.most, 1 << 30)));
  }
  std::vector<RunSummary> runs;
  connection_->query(sql, where.parameters(),
                     [&](SqlRow& row) { runs.push_back(summary_of(row, connection_->name())); });
  for (RunSummary& summary : runs) {
    if (summary.run.state != RunState::kRunning) continue;
    summary.abandoned = is_abandoned(summary.run.id, summary.run.created_unix);
    if (summary.abandoned) summary.run.state = RunState::kPartial;
  }
  return runs;
}

std::string RunStore::resolve(std::string_view id_or_beginning) {
  std::string beginning(id_or_beginning);
  for (char& c : beginning) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  const SqlValue pattern = containing(beginning).substr(1);
  std::vector<SqlRow> rows;
  if (!beginning.empty()) {
    rows = sql_rows(*connection_, "SELECT id FROM runs WHERE id LIKE $1 ESCAPE '!' LIMIT 2",
                    {&pattern, 1});
  }
  if (rows.size() == 1) return SqlRowReader(rows.front(), connection_->name()).text();
  throw Error({.code = rows.empty() ? ErrorCode::kNotFound : ErrorCode::kInvalidArgument,
               .where = connection_->name(),
               .what = rows.empty()
                           ? "has no run \"" + printable(id_or_beginning, 40) + "\""
                           : "has several runs that begin with " + printable(id_or_beginning, 40),
               .remedy = rows.empty() ? "see what is there with: hadal measure runs list"
                                      : "write more of the id"});
}

void RunStore::read_points(const std::string& run_id, RunRecord& run) {
  const SqlValue id = run_id;
  const auto each = [&](const char* table, auto use) {
    connection_->query(run_table(table).select_rows_of_run(), {&id, 1}, use);
  };
  std::map<int64_t, PointRecord> points;
  std::map<int64_t, bool> finished;
  each("points", [&](SqlRow& row) { points.insert(point_of(row, connection_->name())); });
  each("point_results", [&](SqlRow& row) {
    PointResult result = point_result_of(row, connection_->name());
    PointRecord& point = points[result.point];
    finished[result.point] = true;
    point.window = std::move(result.window);
    point.requests = result.requests;
    point.client = std::move(result.client);
    point.warnings = std::move(result.warnings);
    point.extra_json = std::move(result.extra_json);
  });
  each("metrics", [&](SqlRow& row) {
    MetricRow metric = metric_of(row, connection_->name());
    PointRecord& point = points[metric.point];
    (metric.full_run ? point.full_run_metrics : point.metrics).push_back(std::move(metric.value));
  });
  for (auto& [number, point] : points) {
    run.points.push_back(finished[number]
                             ? std::move(point)
                             : unfinished(*connection_, run_id, number, std::move(point),
                                          run.state == RunState::kRunning));
  }
}

StoredRun RunStore::load(const std::string& run_id) {
  SqlTransactionScope reading(*connection_, SqlTransaction::kRead);
  require_run(run_id);
  StoredRun stored;
  const SqlValue id = run_id;
  const std::string& where = connection_->name();
  connection_->query(std::string(kSummaryColumns) + " WHERE id = $1", {&id, 1},
                     [&](SqlRow& row) { stored.summary = summary_of(row, where); });
  connection_->query(run_table("runs").select_rows_of_run(), {&id, 1},
                     [&](SqlRow& row) { stored.original = run_of(row, where); });
  connection_->query("SELECT state FROM run_ends WHERE run_id = $1", {&id, 1}, [&](SqlRow& row) {
    SqlRowReader reader(row, where);
    stored.original.state = reader.known(run_state_of(reader.text()));
  });
  connection_->query(run_table("annotations").select_rows_of_run(), {&id, 1},
                     [&](SqlRow& row) { stored.annotations.push_back(annotation_of(row, where)); });
  if (stored.summary.run.state == RunState::kRunning) {
    stored.summary.abandoned = is_abandoned(run_id, stored.summary.run.created_unix);
    if (stored.summary.abandoned) stored.summary.run.state = RunState::kPartial;
  }
  stored.original.gate = stored.summary.run.gate;
  connection_->query(run_table("gates").select_rows_of_run(), {&id, 1}, [&](SqlRow& row) {
    SqlRowReader reader(row, where);
    reader.text();
    reader.text();
    reader.real();
    reader.text();
    stored.original.gate_json = reader.text();
  });
  stored.run = stored.original;
  apply_annotations(stored.run, stored.annotations);
  stored.run.state = stored.summary.run.state;
  read_points(run_id, stored.run);
  stored.digests = stored_digests(*connection_, run_id);
  // The run's own last, whatever the order of letters.
  std::stable_partition(stored.digests.begin(), stored.digests.end(),
                        [](const TableDigest& digest) { return digest.name != "run"; });
  reading.commit();
  return stored;
}

PointSamples RunStore::load_samples(const std::string& run_id, int64_t point) {
  SqlTransactionScope reading(*connection_, SqlTransaction::kRead);
  const std::string& where = connection_->name();
  const std::array<SqlValue, 2> key = {run_id, point};
  const auto each = [&](const char* table, auto use) {
    const TableShape& shape = run_table(table);
    std::string sql = shape.select_rows_of_run();
    sql.insert(sql.find(" ORDER BY "), " AND point = $2");
    connection_->query(sql, key, use);
  };
  bool found = false;
  each("points", [&](SqlRow&) { found = true; });
  if (!found) {
    throw Error(
        {.code = ErrorCode::kNotFound,
         .where = where,
         .what = "run " + printable(run_id, 40) + " has no point " + std::to_string(point)});
  }
  PointSamples samples;
  each("requests", [&](SqlRow& row) { samples.requests.push_back(request_of(row, where)); });
  each("power", [&](SqlRow& row) { samples.power.push_back(power_of(row, where)); });
  int64_t bytes = 0;
  each("samples", [&](SqlRow& row) {
    SqlRowReader reader(row, where);
    reader.text();
    reader.integer();
    reader.integer();
    const std::string kind = reader.text();
    if (kind != kEventsKind && kind != kCountersKind && kind != kEngineKind) return;
    const int64_t first = reader.integer();
    SampleBlob blob;
    blob.raw_bytes = reader.integer();
    reader.text();
    blob.data = reader.blob();
    bytes += std::max<int64_t>(blob.raw_bytes, 0);
    if (bytes > kMostPointBytes) reader.refuse("the samples of a point are too large");
    if (kind == kEngineKind) {
      std::vector<EngineSample> engine = decode_engine_samples(blob.data, where);
      std::move(engine.begin(), engine.end(), std::back_inserter(samples.engine));
      return;
    }
    if (kind == kCountersKind) {
      const size_t count = counted_samples(blob);
      if (first < 0 || first > std::ssize(samples.power) ||
          count > samples.power.size() - static_cast<size_t>(first)) {
        reader.refuse("energy of power samples that are not there");
      }
      decode_counters(blob, std::span(samples.power).subspan(static_cast<size_t>(first), count),
                      where);
      return;
    }
    std::vector<std::vector<TokenStamp>> events = decode_events(blob, where);
    samples.events.resize(samples.requests.size());
    if (first < 0 || first > std::ssize(samples.events) ||
        std::ssize(events) > std::ssize(samples.events) - first) {
      reader.refuse("events of requests that are not there");
    }
    std::move(events.begin(), events.end(), samples.events.begin() + first);
  });
  bool finished = false;
  each("point_results", [&](SqlRow& row) {
    PointResult result = point_result_of(row, where);
    samples.client = std::move(result.client);
    samples.duration = result.duration;
    finished = true;
  });
  if (!finished && !samples.requests.empty()) {
    double begin = samples.requests.front().sent;
    double end = begin;
    for (const RequestRecord& request : samples.requests) {
      begin = std::min(begin, request.sent);
      end = std::max(end, request.ended);
    }
    samples.duration = end - begin;
  }
  reading.commit();
  return samples;
}

}  // namespace hadal
