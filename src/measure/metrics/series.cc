#include "measure/metrics/series.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "measure/metrics/effective_samples.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/percentiles.h"
#include "measure/metrics/statistics_of.h"

namespace hadal {
namespace {

constexpr size_t kLeastParts = 4;  // of a rate, for an interval

// The percentiles of `sorted` into `out`; what the samples are worth is told by `effective`, for
// the value of each percentile.
void add_percentiles(std::span<const double> sorted, const std::function<double(double)>& effective,
                     MetricValue& out) {
  for (const Statistic& statistic : kStatistics) {
    if (statistic.share == 0) continue;
    std::optional<Percentile> found = percentile(sorted, statistic.share);
    if (!found) continue;
    found = percentile(sorted, statistic.share, effective(found->value));
    out.*statistic.value = found->value;
    out.*statistic.interval = found->ci95;
  }
}

void add_mean(double mean, std::optional<Interval> interval, MetricValue& out) {
  if (!std::isfinite(mean)) return;
  out.mean = mean;
  out.mean_ci95 = interval;
  // No figure can be less than nothing; Student's interval does not know.
  if (out.mean_ci95) out.mean_ci95->low = std::max(out.mean_ci95->low, 0.0);
}

}  // namespace

MetricValue summarise_series(std::string_view id, std::span<const double> in_order) {
  MetricValue out = metric_of(id);
  out.count = static_cast<int64_t>(in_order.size());
  if (in_order.empty()) return out;
  add_mean(mean_of(in_order), mean_interval(in_order), out);
  std::vector<double> sorted(in_order.begin(), in_order.end());
  std::sort(sorted.begin(), sorted.end());
  add_percentiles(
      sorted, [&](double value) { return effective_count_at_most(in_order, value); }, out);
  return out;
}

MetricValue summarise_groups(std::string_view id, std::vector<double> values,
                             std::span<const uint8_t> group, int groups) {
  MetricValue out = metric_of(id);
  out.count = static_cast<int64_t>(values.size());
  if (values.empty()) return out;
  std::vector<double> sorted(values);
  std::sort(sorted.begin(), sorted.end());
  const GroupedSamples samples{.values = values, .group = group, .groups = groups};
  add_mean(mean_of(values), grouped_mean_interval(samples), out);
  add_percentiles(
      sorted, [&](double value) { return grouped_effective_count_at_most(samples, value); }, out);
  return out;
}

MetricValue reciprocal_of(std::string_view id, const MetricValue& of) {
  MetricValue out = metric_of(id);
  out.count = of.count;
  for (const Statistic& statistic : kStatistics) {
    const std::optional<double> value = of.*statistic.value;
    if (!value || !(*value > 0)) continue;
    out.*statistic.value = 1 / *value;
    const std::optional<Interval> interval = of.*statistic.interval;
    if (interval && interval->low > 0) {
      out.*statistic.interval = {.low = 1 / interval->high, .high = 1 / interval->low};
    }
  }
  return out;
}

MetricValue rate_of(std::string_view id, const AmountOverTime& amount, int64_t count) {
  MetricValue out = metric_of(id);
  out.count = count;
  if (!(amount.seconds() > 0)) return out;
  const std::vector<double> parts = amount.rates();
  add_mean(amount.total() / amount.seconds(),
           parts.size() >= kLeastParts ? mean_interval(parts) : std::nullopt, out);
  return out;
}

MetricValue divided(std::string_view id, const MetricValue& of, double by) {
  MetricValue out = metric_of(id);
  out.count = of.count;
  for (const Statistic& statistic : kStatistics) {
    if (of.*statistic.value) out.*statistic.value = *(of.*statistic.value) / by;
    if (const std::optional<Interval> interval = of.*statistic.interval) {
      out.*statistic.interval = {.low = interval->low / by, .high = interval->high / by};
    }
  }
  return out;
}

MetricValue figure_of(std::string_view id, double value, int64_t count) {
  MetricValue out = metric_of(id);
  out.count = count;
  if (std::isfinite(value)) out.mean = value;
  return out;
}

}  // namespace hadal
