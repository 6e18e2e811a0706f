#include "measure/metrics/repeats.h"

#include <algorithm>

#include "base/check.h"
#include "measure/metrics/effective_samples.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/statistics_of.h"

namespace hadal {

MetricValue combine_repeats(std::span<const MetricValue> repeats) {
  HADAL_CHECK(!repeats.empty());
  if (repeats.size() == 1) return repeats.front();
  MetricValue out{.id = repeats.front().id, .unit = repeats.front().unit};
  for (const MetricValue& repeat : repeats) out.count += repeat.count;
  for (const Statistic& statistic : kStatistics) {
    std::vector<double> values;
    for (const MetricValue& repeat : repeats) {
      if (const std::optional<double> value = repeat.*statistic.value) values.push_back(*value);
    }
    if (values.size() < repeats.size()) continue;
    out.*statistic.value = mean_of(values);
    std::optional<Interval> interval = independent_mean_interval(values);
    if (interval) interval->low = std::max(interval->low, 0.0);
    out.*statistic.interval = interval;
  }
  return out;
}

std::vector<MetricValue> combine_repeats(std::span<const PointRecord> repeats) {
  std::vector<MetricValue> out;
  if (repeats.empty()) return out;
  for (const MetricValue& first : repeats.front().metrics) {
    std::vector<MetricValue> same;
    for (const PointRecord& repeat : repeats) {
      const MetricValue* value = find_metric(repeat.metrics, first.id);
      if (value != nullptr) same.push_back(*value);
    }
    if (same.size() == repeats.size()) out.push_back(combine_repeats(same));
  }
  return out;
}

}  // namespace hadal
