#include "measure/metrics/run_comparison.h"

#include <algorithm>
#include <cmath>

#include "measure/metrics/effective_samples.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/statistics_of.h"

namespace hadal {
namespace {

bool usable(double value) { return std::isfinite(value) && value > 0; }

// That statistic of each block; empty where one lacks it.
std::vector<double> values_of(std::span<const PointRecord> blocks, std::string_view id,
                              const Statistic& statistic) {
  std::vector<double> out;
  for (const PointRecord& block : blocks) {
    const MetricValue* metric = find_metric(block.metrics, id);
    if (metric == nullptr || !(metric->*statistic.value)) return {};
    out.push_back(*(metric->*statistic.value));
  }
  return out;
}

ComparisonFinding finding_of(const RatioEstimate& ratio, MetricDirection better) {
  if (!ratio.ci95) return ComparisonFinding::kNotShown;
  const bool more = ratio.ci95->low > 1;
  const bool less = ratio.ci95->high < 1;
  if (!more && !less) return ComparisonFinding::kNotShown;
  if (better == MetricDirection::kNeither) return ComparisonFinding::kDiffers;
  const bool second_better = more == (better == MetricDirection::kHigher);
  return second_better ? ComparisonFinding::kSecondBetter : ComparisonFinding::kFirstBetter;
}

}  // namespace

std::optional<RatioEstimate> paired_ratio(std::span<const double> first,
                                          std::span<const double> second) {
  std::vector<double> logarithms;
  for (size_t i = 0; i < std::min(first.size(), second.size()); ++i) {
    if (usable(first[i]) && usable(second[i])) {
      logarithms.push_back(std::log(second[i]) - std::log(first[i]));
    }
  }
  if (logarithms.empty()) return std::nullopt;
  RatioEstimate out{.ratio = std::exp(mean_of(logarithms)),
                    .pairs = static_cast<int>(logarithms.size())};
  if (const std::optional<Interval> interval = independent_mean_interval(logarithms)) {
    out.ci95 = {.low = std::exp(interval->low), .high = std::exp(interval->high)};
  }
  return out;
}

std::vector<MetricComparison> compare_blocks(std::span<const PointRecord> first,
                                             std::span<const PointRecord> second) {
  const size_t pairs = std::min(first.size(), second.size());
  std::vector<MetricComparison> out;
  for (const MetricDefinition& definition : metric_catalogue()) {
    for (const Statistic& statistic : kStatistics) {
      const std::vector<double> a = values_of(first.first(pairs), definition.id, statistic);
      const std::vector<double> b = values_of(second.first(pairs), definition.id, statistic);
      if (a.empty() || b.empty()) continue;
      const std::optional<RatioEstimate> ratio = paired_ratio(a, b);
      if (!ratio) continue;
      out.push_back({.id = std::string(definition.id),
                     .statistic = statistic.name,
                     .first = mean_of(a),
                     .second = mean_of(b),
                     .ratio = *ratio,
                     .finding = finding_of(*ratio, definition.better)});
    }
  }
  return out;
}

}  // namespace hadal
