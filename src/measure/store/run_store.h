// The run store: every run that was measured or imported, its samples included, in a SQLite file or
// a PostgreSQL database. Rows are only added. A run is appended while it goes on, so that a kill
// loses at most the batch that was not appended yet; at its end it is sealed and gets its digests;
// what is said of it later is an annotation. Which figures are computed, and how, is no business of
// the store's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "measure/records.h"
#include "measure/store/run_digests.h"
#include "measure/store/sql_connection.h"

namespace hadal {

// The end of a bundle's name (bundle.h). No store of such a name is opened for writing.
constexpr const char* kBundleSuffix = ".hadalrun";

// $XDG_DATA_HOME/hadal/runs.sqlite, or ~/.local/share/hadal/runs.sqlite.
std::string default_store();

enum class StoreAccess {
  kWrite,  // a file is made when missing; one that cannot be written can still be read
  kRead,   // kNotFound when missing
};

// What a point gained since the batch before. Spans need to live during append() only.
struct PointBatch {
  // 0, 1, 2, … within the point. One that is there already is not stored again: when append()
  // fails, the same may be passed once more.
  int64_t number = 0;
  std::span<const RequestRecord> requests = {};
  std::span<const std::vector<TokenStamp>> events = {};  // by place in `requests`, or none at all
  std::span<const PowerSample> power = {};
  std::span<const EngineSample> engine = {};
};

struct RunEnd {
  RunState state = RunState::kComplete;  // not kRunning
  std::string reason = {};               // in words, where it is not complete
};

struct RunAnnotation {
  std::string id = {};      // made when it is stored
  double created_unix = 0;  // the same
  std::string author = {};
  // Of correctable_fields(), or "state" (value "invalid"): `value` stands for it from now on.
  // Empty: a note.
  std::string field = {};
  std::string value = {};
  std::string reason = {};
};

struct RunFilter {
  // Part of the corrected text, in upper or lower case. Empty: any.
  std::string model = {};
  std::string engine = {};
  std::string hardware = {};
  std::string workload = {};
  std::string label = {};
  std::string origin = {};  // the whole word
  std::optional<double> from_unix = {};
  std::optional<double> to_unix = {};  // exclusive
  std::optional<size_t> most = {};
};

// A line of a list. `run` is corrected, and has no points and no documents (plan, provenance,
// gate).
struct RunSummary {
  RunRecord run = {};
  std::optional<double> ended_unix = {};
  std::string reason = {};
  // Its writer is gone, or has been silent for an hour where it cannot be seen: `run.state` says
  // partial although nobody ended it.
  bool abandoned = false;
  int64_t points = 0;
  int64_t finished_points = 0;
  bool client_limited = false;
};

struct StoredRun {
  RunSummary summary = {};
  RunRecord run = {};       // corrected by the annotations, all points included
  RunRecord original = {};  // as it was measured; without points, which nothing corrects
  std::vector<RunAnnotation> annotations = {};
  std::vector<TableDigest> digests = {};  // the last is the run's; none before its end
};

// For one thread; several processes may write at once. Every failure is an Error
// (sql_connection.h).
class RunStore {
 public:
  // A path, or postgresql://…. Brings an older schema up to date.
  static RunStore open(const std::string& place, StoreAccess access = StoreAccess::kWrite);
  // Of a connection that is open; its schema is brought up to date.
  explicit RunStore(std::unique_ptr<SqlConnection> connection);

  const std::string& name() const { return connection_->name(); }
  // For statements of one's own.
  SqlConnection& connection() { return *connection_; }

  // Stores what is known at the beginning (`points`, `state` and `gate` are not looked at). Gives
  // the run's id, made here when `run.id` is empty; `created_unix` 0 becomes now.
  std::string begin_run(const RunRecord& run);
  // Gives the point's number, from 0.
  int64_t begin_point(const std::string& run_id, const Load& load, int repeat = 0);
  // On the disk when it returns. A batch without anything in it says that the writer lives.
  void append(const std::string& run_id, int64_t point, const PointBatch& batch);
  // `duration`: PointSamples::duration.
  void finish_point(const std::string& run_id, int64_t point, const PointRecord& record,
                    double duration);
  // Also after the run's end; the last one counts. `verdict`: not kNotRun.
  void record_gate(const std::string& run_id, GateVerdict verdict, const std::string& report_json);
  // Seals the run. Its digests cover all but gates and annotations.
  void finish_run(const std::string& run_id, const RunEnd& end);

  // A whole run at once, as imports have it: all or nothing. `run.state`: not kRunning. `samples`:
  // by point, or none at all. Gives the id.
  std::string save(const RunRecord& run, std::span<const PointSamples> samples,
                   const std::string& reason = {});

  // Ends, as partial, the runs whose process is certainly gone; begin_run does so too. Gives their
  // ids.
  std::vector<std::string> end_abandoned();

  // The newest first.
  std::vector<RunSummary> list(const RunFilter& filter = {});
  // The id of the one run whose id begins so (upper or lower case). kNotFound, or kInvalidArgument
  // where there are several.
  std::string resolve(std::string_view id_or_beginning);
  // A point that was not finished has the counts of its requests, no metrics, and a warning.
  StoredRun load(const std::string& run_id);
  // What was appended of a point, doubles exactly equal. Of a point that was not finished `client`
  // is empty and `duration` goes to the end of the last request.
  PointSamples load_samples(const std::string& run_id, int64_t point);

  // Gives the annotation's id.
  std::string annotate(const std::string& run_id, const RunAnnotation& annotation);
  // Throws kInvalidFile where the run is not as it was written.
  void check(const std::string& run_id);

 private:
  void insert_run(const RunRecord& run);
  void insert_point(const std::string& run_id, int64_t point, const Load& load, int repeat);
  void insert_batch(const std::string& run_id, int64_t point, const PointBatch& batch);
  void insert_result(const std::string& run_id, int64_t point, const PointRecord& record,
                     double duration);
  void insert_gate(const std::string& run_id, GateVerdict verdict, const std::string& report_json);
  void insert_end(const std::string& run_id, const RunEnd& end);
  void require_run(const std::string& run_id);
  bool is_abandoned(const std::string& run_id, double created_unix);
  void read_points(const std::string& run_id, RunRecord& run);

  std::unique_ptr<SqlConnection> connection_;
};

}  // namespace hadal
