// Records as rows of the store's tables (schema.h) and back. Numbers that are none (NaN, infinity)
// have no right to exist: an optional one is stored as NULL, a required one is refused
// (kInvalidArgument). Texts become valid UTF-8. Rows may come from others: whatever a record cannot
// hold is refused (kInvalidFile, naming `where`).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "measure/records.h"
#include "measure/store/schema.h"
#include "measure/store/sql_connection.h"

namespace hadal {

// What `load` of a point is, before anything is measured at it.
struct PointStart {
  Load load = {};
  int repeat = 0;
  double begun_unix = 0;
};

SqlRow run_row(const RunRecord& run);
SqlRow point_row(const std::string& run_id, int64_t point, const PointStart& start);
// `duration`: PointSamples::duration.
SqlRow point_result_row(const std::string& run_id, int64_t point, const PointRecord& record,
                        double duration);
std::vector<SqlRow> metric_rows(const std::string& run_id, int64_t point,
                                const PointRecord& record);
SqlRow request_row(const std::string& run_id, int64_t point, int64_t place,
                   const RequestRecord& request);
SqlRow power_row(const std::string& run_id, int64_t point, int64_t place,
                 const PowerSample& sample);

// A run's name, which becomes a part of addresses and of files' names: refused where it is no ULID.
std::string run_id_of(SqlRowReader& row);
RunRecord run_of(SqlRow& row, const std::string& where);
// With the point's number.
std::pair<int64_t, PointRecord> point_of(SqlRow& row, const std::string& where);

struct PointResult {
  int64_t point = 0;
  double duration = 0;
  Window window = {};
  RequestCounts requests = {};
  ClientLoad client = {};
  std::vector<std::string> warnings = {};
  std::string extra_json = {};
};
PointResult point_result_of(SqlRow& row, const std::string& where);

struct MetricRow {
  int64_t point = 0;
  bool full_run = false;
  MetricValue value = {};
};
MetricRow metric_of(SqlRow& row, const std::string& where);
RequestRecord request_of(SqlRow& row, const std::string& where);
PowerSample power_of(SqlRow& row, const std::string& where);

// Lists of words and counts as JSON arrays, as they stand in a column.
std::string text_list_json(const std::vector<std::string>& list);
std::vector<std::string> text_list_of(const std::string& json, const std::string& where);

}  // namespace hadal
