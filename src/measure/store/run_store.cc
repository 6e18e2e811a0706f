#include "measure/store/run_store.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "measure/store/annotations.h"
#include "measure/store/engine_blob.h"
#include "measure/store/postgres_connection.h"
#include "measure/store/run_rows.h"
#include "measure/store/run_words.h"
#include "measure/store/sample_blobs.h"
#include "measure/store/schema.h"
#include "measure/store/sha256.h"
#include "measure/store/sqlite_connection.h"
#include "measure/store/ulid.h"
#include "measure/store/writer_identity.h"

namespace hadal {
namespace {

// Rows that are made and written at a time.
constexpr size_t kRowsAtOnce = 1024;
// Of a blob of events before compression: what a reader holds in memory at a time.
constexpr int64_t kBlobBytes = int64_t{8} << 20;

[[noreturn]] void refuse(const SqlConnection& connection, ErrorCode code, const std::string& run_id,
                         const std::string& what, const std::string& remedy = {}) {
  throw Error({.code = code,
               .where = connection.name(),
               .what = "run " + printable(run_id, 40) + " " + what,
               .remedy = remedy});
}

std::unique_ptr<SqlConnection> connect(const std::string& place, StoreAccess access) {
  if (place.starts_with("postgresql://") || place.starts_with("postgres://")) {
    return open_postgres(place);
  }
  if (place.empty() || place.find("://") != std::string::npos) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "the store",
                 .what = "is neither a file nor the address of a PostgreSQL database",
                 .remedy = "name a file, or postgresql://user@host/database"});
  }
  if (access == StoreAccess::kWrite && place.ends_with(kBundleSuffix)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = place,
                 .what = "is named as a bundle is, which holds one run and stays as it was written",
                 .remedy = "name another store; runs import takes the bundle's run into it"});
  }
  if (access == StoreAccess::kWrite) return open_sqlite({.path = place});
  // Writers do not hold up who only reads; a file that is locked as a whole stays so for long.
  constexpr int kReaderWaitsMs = 1000;
  return open_sqlite({.path = place, .access = SqliteAccess::kReadOnly, .busy_ms = kReaderWaitsMs});
}

// Writes `count` rows that row(i) makes, without all of them lying in memory.
template <typename MakeRow>
void insert_many(SqlConnection& connection, const TableShape& table, size_t count, MakeRow row) {
  const std::vector<std::string> columns = table.column_names();
  std::vector<SqlRow> rows;
  for (size_t i = 0; i < count; ++i) {
    rows.push_back(row(i));
    if (rows.size() < kRowsAtOnce && i + 1 < count) continue;
    sql_insert(connection, table.name, columns, rows);
    rows.clear();
  }
}

void insert_one(SqlConnection& connection, const TableShape& table, SqlRow row) {
  sql_insert(connection, table.name, table.column_names(), {&row, 1});
}

// What a point has of rows, by its batches.
struct PointProgress {
  int64_t batches = 0;
  int64_t requests = 0;
  int64_t power = 0;
  int64_t samples = 0;
};

PointProgress progress_of(SqlConnection& connection, const std::string& run_id, int64_t point) {
  const std::array<SqlValue, 2> key = {run_id, point};
  std::vector<SqlRow> rows =
      sql_rows(connection,
               "SELECT COUNT(*), CAST(COALESCE(SUM(requests), 0) AS BIGINT), "
               "CAST(COALESCE(SUM(power), 0) AS BIGINT), "
               "CAST(COALESCE(SUM(samples), 0) AS BIGINT) "
               "FROM batches WHERE run_id = $1 AND point = $2",
               key);
  SqlRowReader reader(rows.at(0), connection.name());
  PointProgress progress;
  progress.batches = reader.integer();
  progress.requests = reader.integer();
  progress.power = reader.integer();
  progress.samples = reader.integer();
  return progress;
}

// How many of the first of `events` go into one blob.
size_t blob_length(std::span<const std::vector<TokenStamp>> events) {
  int64_t bytes = 0;
  size_t count = 0;
  while (count < events.size()) {
    bytes += event_bytes(events[count]);
    if (count > 0 && bytes > kBlobBytes) break;
    ++count;
  }
  return count;
}

}  // namespace

std::string default_store() {
  const char* data = std::getenv("XDG_DATA_HOME");
  // The specification: a path that is not absolute is to be ignored.
  if (data != nullptr && *data == '/') return std::string(data) + "/hadal/runs.sqlite";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') {
    return std::string(home) + "/.local/share/hadal/runs.sqlite";
  }
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "the run store",
               .what = "has no place, because neither HOME nor XDG_DATA_HOME is set",
               .remedy = "name a file for it"});
}

RunStore RunStore::open(const std::string& place, StoreAccess access) {
  return RunStore(connect(place, access));
}

RunStore::RunStore(std::unique_ptr<SqlConnection> connection) : connection_(std::move(connection)) {
  migrate(*connection_, migrations(connection_->dialect()));
}

void RunStore::require_run(const std::string& run_id) {
  const SqlValue id = run_id;
  if (sql_integer(*connection_, "SELECT COUNT(*) FROM runs WHERE id = $1", {&id, 1}) == 0) {
    refuse(*connection_, ErrorCode::kNotFound, run_id, "is not in this store",
           "see what is with: hadal measure runs list");
  }
}

std::string RunStore::begin_run(const RunRecord& run) {
  end_abandoned();
  RunRecord stored = run;
  if (stored.id.empty()) stored.id = make_ulid();
  if (stored.created_unix == 0) stored.created_unix = unix_seconds();
  SqlTransactionScope writing(*connection_, SqlTransaction::kWrite);
  insert_run(stored);
  const WriterIdentity writer = this_process();
  insert_one(*connection_, writers_table(),
             {stored.id, sql_text(writer.host), sql_text(writer.process_space), writer.process,
              writer.started});
  writing.commit();
  return stored.id;
}

void RunStore::insert_run(const RunRecord& run) {
  if (!ulid_time(run.id)) {
    refuse(*connection_, ErrorCode::kInvalidArgument, run.id, "is not named by a ULID",
           "leave the name to the store");
  }
  const SqlValue id = run.id;
  if (sql_integer(*connection_, "SELECT COUNT(*) FROM runs WHERE id = $1", {&id, 1}) != 0) {
    refuse(*connection_, ErrorCode::kInvalidArgument, run.id, "is in this store already",
           "say what is to be said of it with an annotation");
  }
  insert_one(*connection_, run_table("runs"), run_row(run));
}

void RunStore::insert_point(const std::string& run_id, int64_t point, const Load& load,
                            int repeat) {
  insert_one(
      *connection_, run_table("points"),
      point_row(run_id, point, {.load = load, .repeat = repeat, .begun_unix = unix_seconds()}));
}

int64_t RunStore::begin_point(const std::string& run_id, const Load& load, int repeat) {
  SqlTransactionScope writing(*connection_, SqlTransaction::kWrite);
  require_run(run_id);
  const SqlValue id = run_id;
  const int64_t point = sql_integer(
      *connection_, "SELECT COALESCE(MAX(point), -1) + 1 FROM points WHERE run_id = $1", {&id, 1});
  insert_point(run_id, point, load, repeat);
  writing.commit();
  return point;
}

void RunStore::append(const std::string& run_id, int64_t point, const PointBatch& batch) {
  SqlTransactionScope writing(*connection_, SqlTransaction::kWrite);
  insert_batch(run_id, point, batch);
  writing.commit();
}

void RunStore::insert_batch(const std::string& run_id, int64_t point, const PointBatch& batch) {
  HADAL_CHECK(batch.events.empty() || batch.events.size() == batch.requests.size());
  const PointProgress before = progress_of(*connection_, run_id, point);
  if (batch.number < before.batches) return;
  HADAL_CHECK(batch.number == before.batches);
  insert_many(*connection_, run_table("requests"), batch.requests.size(), [&](size_t i) {
    return request_row(run_id, point, before.requests + static_cast<int64_t>(i), batch.requests[i]);
  });
  insert_many(*connection_, run_table("power"), batch.power.size(), [&](size_t i) {
    return power_row(run_id, point, before.power + static_cast<int64_t>(i), batch.power[i]);
  });
  int64_t parts = 0;
  const auto add_part = [&](const char* kind, int64_t first_place, SampleBlob blob) {
    std::string digest = sha256(blob.data);
    insert_one(*connection_, run_table("samples"),
               {run_id, point, before.samples + parts, std::string(kind), first_place,
                blob.raw_bytes, std::move(digest), SqlBlob{std::move(blob.data)}});
    ++parts;
  };
  int64_t place = before.requests;
  for (std::span<const std::vector<TokenStamp>> left = batch.events; !left.empty();) {
    const size_t length = blob_length(left);
    add_part(kEventsKind, place, encode_events(left.first(length)));
    place += static_cast<int64_t>(length);
    left = left.subspan(length);
  }
  place = before.power;
  for (std::span<const PowerSample> left = batch.power; !left.empty();) {
    const std::span<const PowerSample> some = left.first(std::min(left.size(), kMostCounters));
    const auto counts = [](const PowerSample& sample) {
      return sample.joules.has_value() || sample.watts_from_joules;
    };
    if (std::any_of(some.begin(), some.end(), counts)) {
      add_part(kCountersKind, place, encode_counters(some));
    }
    place += static_cast<int64_t>(some.size());
    left = left.subspan(some.size());
  }
  if (!batch.engine.empty()) {
    std::string data = encode_engine_samples(batch.engine);
    const auto bytes = static_cast<int64_t>(data.size());
    std::string digest = sha256(data);
    insert_one(*connection_, run_table("samples"),
               {run_id, point, before.samples + parts, std::string(kEngineKind), int64_t{0}, bytes,
                std::move(digest), SqlBlob{std::move(data)}});
    ++parts;
  }
  insert_one(
      *connection_, run_table("batches"),
      {run_id, point, batch.number, unix_seconds(), static_cast<int64_t>(batch.requests.size()),
       static_cast<int64_t>(batch.power.size()), parts});
}

void RunStore::finish_point(const std::string& run_id, int64_t point, const PointRecord& record,
                            double duration) {
  SqlTransactionScope writing(*connection_, SqlTransaction::kWrite);
  insert_result(run_id, point, record, duration);
  writing.commit();
}

void RunStore::insert_result(const std::string& run_id, int64_t point, const PointRecord& record,
                             double duration) {
  insert_one(*connection_, run_table("point_results"),
             point_result_row(run_id, point, record, duration));
  const TableShape& metrics = run_table("metrics");
  sql_insert(*connection_, metrics.name, metrics.column_names(),
             metric_rows(run_id, point, record));
}

void RunStore::record_gate(const std::string& run_id, GateVerdict verdict,
                           const std::string& report_json) {
  SqlTransactionScope writing(*connection_, SqlTransaction::kWrite);
  require_run(run_id);
  insert_gate(run_id, verdict, report_json);
  writing.commit();
}

void RunStore::insert_gate(const std::string& run_id, GateVerdict verdict,
                           const std::string& report_json) {
  HADAL_CHECK(verdict != GateVerdict::kNotRun);
  SqlRow row = {run_id,
                make_ulid(),
                unix_seconds(),
                std::string(gate_verdict_word(verdict)),
                sql_text(report_json),
                std::string()};
  row.back() = row_digest(row);
  insert_one(*connection_, run_table("gates"), std::move(row));
}

void RunStore::finish_run(const std::string& run_id, const RunEnd& end) {
  SqlTransactionScope writing(*connection_, SqlTransaction::kAlone);
  require_run(run_id);
  insert_end(run_id, end);
  writing.commit();
}

void RunStore::insert_end(const std::string& run_id, const RunEnd& end) {
  HADAL_CHECK(end.state != RunState::kRunning);
  const SqlValue id = run_id;
  if (sql_integer(*connection_, "SELECT COUNT(*) FROM run_ends WHERE run_id = $1", {&id, 1}) != 0) {
    refuse(*connection_, ErrorCode::kInvalidArgument, run_id, "has ended already",
           "say what is to be said of it with an annotation");
  }
  insert_one(
      *connection_, run_table("run_ends"),
      {run_id, unix_seconds(), std::string(run_state_word(end.state)), sql_text(end.reason)});
  store_digests(*connection_, run_id);
}

std::string RunStore::save(const RunRecord& run, std::span<const PointSamples> samples,
                           const std::string& reason) {
  HADAL_CHECK(samples.empty() || samples.size() == run.points.size());
  RunRecord stored = run;
  if (stored.id.empty()) stored.id = make_ulid();
  if (stored.created_unix == 0) stored.created_unix = unix_seconds();
  SqlTransactionScope writing(*connection_, SqlTransaction::kAlone);
  insert_run(stored);
  for (size_t i = 0; i < run.points.size(); ++i) {
    const PointRecord& record = run.points[i];
    const auto point = static_cast<int64_t>(i);
    insert_point(stored.id, point, record.load, record.repeat);
    if (!samples.empty()) {
      const PointSamples& some = samples[i];
      insert_batch(stored.id, point,
                   {.requests = some.requests,
                    .events = some.events,
                    .power = some.power,
                    .engine = some.engine});
    }
    insert_result(stored.id, point, record, samples.empty() ? 0 : samples[i].duration);
  }
  if (run.gate != GateVerdict::kNotRun) insert_gate(stored.id, run.gate, run.gate_json);
  insert_end(stored.id, {.state = run.state, .reason = reason});
  writing.commit();
  return stored.id;
}

std::string RunStore::annotate(const std::string& run_id, const RunAnnotation& annotation) {
  check_annotation(annotation);
  SqlRow row = {run_id,
                make_ulid(),
                unix_seconds(),
                sql_text(annotation.author),
                sql_text(annotation.field),
                sql_text(annotation.value),
                sql_text(annotation.reason),
                std::string()};
  row.back() = row_digest(row);
  std::string id = std::get<std::string>(row[1]);
  SqlTransactionScope writing(*connection_, SqlTransaction::kWrite);
  require_run(run_id);
  insert_one(*connection_, run_table("annotations"), std::move(row));
  writing.commit();
  return id;
}

std::vector<std::string> RunStore::end_abandoned() {
  std::vector<std::string> gone;
  connection_->query(
      "SELECT w.run_id, w.host, w.process_space, w.process, w.process_started FROM run_writers w "
      "WHERE NOT EXISTS (SELECT 1 FROM run_ends e WHERE e.run_id = w.run_id)",
      {}, [&](SqlRow& row) {
        SqlRowReader reader(row, connection_->name());
        std::string id = reader.text();
        WriterIdentity writer;
        writer.host = reader.text();
        writer.process_space = reader.text();
        writer.process = reader.integer();
        writer.started = reader.integer();
        if (state_of(writer) == WriterState::kGone) gone.push_back(std::move(id));
      });
  std::erase_if(gone, [&](const std::string& run_id) {
    SqlTransactionScope writing(*connection_, SqlTransaction::kAlone);
    const SqlValue id = run_id;
    // Somebody else may have been quicker.
    if (sql_integer(*connection_, "SELECT COUNT(*) FROM run_ends WHERE run_id = $1", {&id, 1}) !=
        0) {
      return true;
    }
    insert_end(run_id,
               {.state = RunState::kPartial, .reason = "its process ended without finishing it"});
    writing.commit();
    return false;
  });
  return gone;
}

void RunStore::check(const std::string& run_id) {
  SqlTransactionScope reading(*connection_, SqlTransaction::kRead);
  require_run(run_id);
  check_run(*connection_, run_id);
  reading.commit();
}

}  // namespace hadal
