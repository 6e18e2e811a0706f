// Reads "hadal.points/1" back: the table that export_csv writes.
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "measure/exchange/csv_table.h"
#include "measure/exchange/import_formats.h"
#include "measure/exchange/point_columns.h"
#include "measure/exchange/record_json.h"

namespace hadal {
namespace {

struct TableColumn {
  const PointColumn* plain = nullptr;  // otherwise a metric:
  bool of_full_run = false;
  std::string id = {};
  std::string unit = {};
  std::string statistic = {};
};

class TableReader {
 public:
  TableReader(std::string_view text, const ImportContext& context)
      : where_(context.name), lines_(parse_csv(text, context.name)) {}

  void read(Imported& imported) {
    if (lines_.empty()) fail(1, "", "must be the header of the table");
    for (const std::string& name : lines_[0].cells) columns_.push_back(column_of(name));
    for (size_t i = 1; i < lines_.size(); ++i) row(lines_[i], imported);
  }

 private:
  [[noreturn]] void fail(size_t line, const std::string& column, const std::string& what) const {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where_,
                 .what = "line " + std::to_string(line) +
                         (column.empty() ? "" : ", column " + printable(column, 80)) + ": " + what,
                 .remedy = "give a table as `hadal measure runs export --format csv` writes it"});
  }

  TableColumn column_of(const std::string& name) const {
    for (const PointColumn& plain : point_columns()) {
      if (plain.name == name) return {.plain = &plain};
    }
    // "full:ID STATISTIC (UNIT)".
    TableColumn column;
    std::string rest = name;
    if (rest.starts_with("full:")) {
      column.of_full_run = true;
      rest.erase(0, 5);
    }
    const size_t id_end = rest.find(' ');
    const size_t unit_begin = rest.find(" (", id_end == std::string::npos ? 0 : id_end + 1);
    if (id_end == std::string::npos || unit_begin == std::string::npos || !rest.ends_with(')')) {
      fail(1, name, "is no column of hadal.points/1");
    }
    column.id = rest.substr(0, id_end);
    column.statistic = rest.substr(id_end + 1, unit_begin - id_end - 1);
    column.unit = rest.substr(unit_begin + 2, rest.size() - unit_begin - 3);
    MetricValue probe;
    if (column.id.empty() || !set(probe, column.statistic, 0)) {
      fail(1, name, "has a statistic that is not known");
    }
    return column;
  }

  static bool set(MetricValue& value, const std::string& statistic, double figure) {
    if (statistic == "count") {
      if (figure < 0 || figure > 1e15) return false;
      value.count = static_cast<int64_t>(figure);
      return true;
    }
    for (const MetricFigure& known : kMetricFigures) {
      const std::string name(known.name);
      if (statistic == name) {
        value.*known.figure = figure;
        return true;
      }
      std::optional<Interval>& interval = value.*known.interval;
      if (statistic != name + "_low" && statistic != name + "_high") continue;
      if (!interval) interval.emplace();
      (statistic.ends_with("_low") ? interval->low : interval->high) = figure;
      return true;
    }
    return false;
  }

  void row(const CsvLine& line, Imported& imported) const {
    if (line.cells.size() != columns_.size()) {
      fail(line.line, "",
           "has " + std::to_string(line.cells.size()) + " cells where the header has " +
               std::to_string(columns_.size()));
    }
    RunRecord run;
    PointRecord point;
    std::map<std::pair<bool, std::string>, size_t> places;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const TableColumn& column = columns_[i];
      const std::string& cell = line.cells[i];
      if (column.plain != nullptr) {
        const std::string fault = column.plain->read(cell, run, point, column.plain->index);
        if (!fault.empty()) fail(line.line, column.plain->name, fault);
        continue;
      }
      if (cell.empty()) continue;
      double figure = 0;
      std::vector<MetricValue>& metrics =
          column.of_full_run ? point.full_run_metrics : point.metrics;
      const auto [place, is_new] =
          places.emplace(std::pair(column.of_full_run, column.id), metrics.size());
      if (is_new) metrics.push_back({.id = column.id, .unit = column.unit});
      if (!read_number_cell(cell, figure) ||
          !set(metrics[place->second], column.statistic, figure)) {
        fail(line.line, lines_[0].cells[i], "must be a number");
      }
    }
    const auto same = [&](const RunRecord& other) { return run_object(other) == run_object(run); };
    if (imported.runs.empty() || !same(imported.runs.back())) {
      imported.runs.push_back(std::move(run));
    }
    imported.runs.back().points.push_back(std::move(point));
  }

  std::string where_;
  std::vector<CsvLine> lines_;
  std::vector<TableColumn> columns_;
};

}  // namespace

void import_hadal_csv(std::string_view text, const ImportContext& context, Imported& imported) {
  TableReader(text, context).read(imported);
}

}  // namespace hadal
