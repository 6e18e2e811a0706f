// The statistics of a figure, to go through one after the other.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "measure/records.h"

namespace hadal {

struct Statistic {
  std::string_view name;
  double share = 0;  // of a percentile; of the mean 0
  std::optional<double> MetricValue::*value;
  std::optional<Interval> MetricValue::*interval;
};

inline constexpr std::array<Statistic, 5> kStatistics = {{
    {"mean", 0, &MetricValue::mean, &MetricValue::mean_ci95},
    {"p50", 0.5, &MetricValue::p50, &MetricValue::p50_ci95},
    {"p90", 0.9, &MetricValue::p90, &MetricValue::p90_ci95},
    {"p95", 0.95, &MetricValue::p95, &MetricValue::p95_ci95},
    {"p99", 0.99, &MetricValue::p99, &MetricValue::p99_ci95},
}};

}  // namespace hadal
