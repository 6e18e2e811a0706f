#include "measure/store/run_comparison.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "measure/metrics/repeats.h"
#include "measure/metrics/statistics_of.h"
#include "measure/store/run_words.h"

namespace hadal {
namespace {

std::vector<MetricRatios> compare_metrics(const std::vector<MetricValue>& a,
                                          const std::vector<MetricValue>& b) {
  std::vector<MetricRatios> list;
  for (const MetricValue& of_a : a) {
    const auto of_b = std::find_if(b.begin(), b.end(), [&](const MetricValue& other) {
      return other.id == of_a.id && other.unit == of_a.unit;
    });
    if (of_b == b.end()) continue;
    MetricRatios comparison{.id = of_a.id, .unit = of_a.unit};
    for (const Statistic& figure : kStatistics) {
      const std::optional<double>& value_a = of_a.*figure.value;
      const std::optional<double>& value_b = (*of_b).*figure.value;
      if (!value_a || !value_b || !std::isfinite(*value_b / *value_a)) continue;
      FigureRatio ratio{.figure = std::string(figure.name),
                        .a = *value_a,
                        .b = *value_b,
                        .ratio = *value_b / *value_a};
      const std::optional<Interval>& ci_a = of_a.*figure.interval;
      const std::optional<Interval>& ci_b = (*of_b).*figure.interval;
      if (ci_a && ci_b) ratio.ci95 = ratio_interval(*value_a, *ci_a, *value_b, *ci_b);
      comparison.figures.push_back(std::move(ratio));
    }
    if (!comparison.figures.empty()) list.push_back(std::move(comparison));
  }
  return list;
}

PointComparison compare_points(const CombinedPoint& of_a, const CombinedPoint& of_b) {
  const PointRecord& a = of_a.point;
  const PointRecord& b = of_b.point;
  PointComparison comparison{.load = a.load, .repeats_a = of_a.repeats, .repeats_b = of_b.repeats};
  // A steady window and a whole run measure different things.
  const bool whole =
      a.window.kind != b.window.kind && !a.full_run_metrics.empty() && !b.full_run_metrics.empty();
  comparison.metrics = whole ? compare_metrics(a.full_run_metrics, b.full_run_metrics)
                             : compare_metrics(a.metrics, b.metrics);
  if (whole) {
    comparison.notes.emplace_back("the whole runs are compared: only one has a steady window");
  } else if (a.window.kind != b.window.kind) {
    comparison.notes.emplace_back("the windows differ: " + a.window.kind + " of A, " +
                                  b.window.kind + " of B");
  }
  for (const auto& [point, name] : {std::pair(&a, "A"), std::pair(&b, "B")}) {
    if (point->client.limited) {
      comparison.notes.push_back(std::string("the client limited ") + name);
    }
    if (point->requests.failed > 0) {
      comparison.notes.push_back(std::to_string(point->requests.failed) + " of " +
                                 std::to_string(point->requests.attempted) +
                                 " requests failed in " + name);
    }
  }
  return comparison;
}

void add_run_notes(RunComparison& comparison, const RunRecord& run, const std::string& name) {
  if (run.state != RunState::kComplete) {
    comparison.notes.push_back(name + " is " + std::string(run_state_word(run.state)));
  }
  if (run.gate == GateVerdict::kNotRun) {
    comparison.notes.push_back("nobody checked whether " + name + " answers right");
  } else if (run.gate == GateVerdict::kFailed) {
    comparison.notes.push_back(name + " answers wrongly");
  }
}

}  // namespace

std::optional<Interval> ratio_interval(double a, const Interval& a_ci, double b,
                                       const Interval& b_ci) {
  const auto usable = [](double estimate, const Interval& ci) {
    return ci.low > 0 && ci.low <= estimate && estimate <= ci.high && std::isfinite(ci.high);
  };
  if (!usable(a, a_ci) || !usable(b, b_ci)) return std::nullopt;
  const double down = std::hypot(std::log(b / b_ci.low), std::log(a_ci.high / a));
  const double up = std::hypot(std::log(b_ci.high / b), std::log(a / a_ci.low));
  return Interval{.low = b / a * std::exp(-down), .high = b / a * std::exp(up)};
}

RunComparison compare_runs(const RunRecord& a, const RunRecord& b) {
  RunComparison comparison;
  add_run_notes(comparison, a, "A");
  add_run_notes(comparison, b, "B");
  if (a.workload != b.workload) {
    comparison.notes.push_back("the workloads differ: " + a.workload + " of A, " + b.workload +
                               " of B");
  }
  const std::vector<CombinedPoint> all_a = combined_points(a.points);
  const std::vector<CombinedPoint> all_b = combined_points(b.points);
  const auto at_load = [](const std::vector<CombinedPoint>& points, const Load& load) {
    return std::find_if(points.begin(), points.end(), [&](const CombinedPoint& other) {
      return same_load(other.point.load, load);
    });
  };
  for (const CombinedPoint& point : all_a) {
    const auto other = at_load(all_b, point.point.load);
    if (other == all_b.end()) {
      comparison.only_a.push_back(point.point.load);
    } else {
      comparison.points.push_back(compare_points(point, *other));
    }
  }
  for (const CombinedPoint& point : all_b) {
    if (at_load(all_a, point.point.load) == all_a.end()) {
      comparison.only_b.push_back(point.point.load);
    }
  }
  return comparison;
}

}  // namespace hadal
