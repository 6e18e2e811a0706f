#include <algorithm>
#include <compare>
#include <string>
#include <utility>
#include <vector>

#include "measure/exchange/csv_table.h"
#include "measure/exchange/export.h"
#include "measure/exchange/point_columns.h"
#include "measure/exchange/record_json.h"

namespace hadal {
namespace {

// One figure of one metric.
struct MetricColumn {
  bool of_full_run = false;
  std::string id = {};
  std::string unit = {};
  std::string statistic = {};

  auto operator<=>(const MetricColumn&) const = default;
  std::string name() const {
    return (of_full_run ? "full:" : "") + id + " " + statistic + " (" + unit + ")";
  }
};

// Each figure of a metric with its name.
template <typename Use>
void each_figure(const MetricValue& value, Use use) {
  // A metric whose figures are all in extra_json is there all the same.
  const bool is_empty = metric_to_json(value).size() <= (value.unit.empty() ? 1U : 2U);
  if (value.count != 0 || is_empty) use("count", std::to_string(value.count));
  for (const MetricFigure& figure : kMetricFigures) {
    const std::string name(figure.name);
    if ((value.*figure.figure).has_value()) use(name, number_cell(*(value.*figure.figure)));
    if ((value.*figure.interval).has_value()) {
      use(name + "_low", number_cell((value.*figure.interval)->low));
      use(name + "_high", number_cell((value.*figure.interval)->high));
    }
  }
}

template <typename Use>
void each_cell(const PointRecord& point, Use use) {
  for (const bool of_full_run : {false, true}) {
    for (const MetricValue& value : of_full_run ? point.full_run_metrics : point.metrics) {
      each_figure(value, [&](const std::string& statistic, std::string cell) {
        use(MetricColumn{.of_full_run = of_full_run,
                         .id = value.id,
                         .unit = value.unit,
                         .statistic = statistic},
            std::move(cell));
      });
    }
  }
}

}  // namespace

std::string export_csv(const std::vector<RunRecord>& runs) {
  std::vector<MetricColumn> metrics;
  const auto place_of = [&](const MetricColumn& column) {
    return static_cast<size_t>(std::find(metrics.begin(), metrics.end(), column) - metrics.begin());
  };
  for (const RunRecord& run : runs) {
    for (const PointRecord& point : run.points) {
      each_cell(point, [&](const MetricColumn& column, const std::string&) {
        if (place_of(column) == metrics.size()) metrics.push_back(column);
      });
    }
  }
  // In an order that does not hang on which point has which metric.
  std::sort(metrics.begin(), metrics.end());
  const std::vector<PointColumn>& columns = point_columns();
  std::vector<std::string> cells;
  for (const PointColumn& column : columns) cells.push_back(column.name);
  for (const MetricColumn& column : metrics) cells.push_back(column.name());
  std::string out;
  append_csv_line(out, cells);
  for (const RunRecord& run : runs) {
    for (const PointRecord& point : run.points) {
      cells.assign(columns.size() + metrics.size(), "");
      for (size_t i = 0; i < columns.size(); ++i) {
        cells[i] = columns[i].write(run, point, columns[i].index);
      }
      each_cell(point, [&](const MetricColumn& column, std::string cell) {
        cells[columns.size() + place_of(column)] = std::move(cell);
      });
      append_csv_line(out, cells);
    }
  }
  return out;
}

}  // namespace hadal
