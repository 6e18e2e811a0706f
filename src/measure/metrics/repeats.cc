#include "measure/metrics/repeats.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/check.h"
#include "measure/metrics/effective_samples.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/statistics_of.h"

namespace hadal {
namespace {

using Metrics = std::vector<MetricValue>;

// Each figure that all of the points have, in the order of the first.
Metrics combined_metrics(const std::vector<const PointRecord*>& repeats,
                         Metrics PointRecord::*which) {
  Metrics out;
  for (const MetricValue& first : repeats.front()->*which) {
    Metrics same;
    for (const PointRecord* repeat : repeats) {
      const MetricValue* value = find_metric(repeat->*which, first.id);
      if (value != nullptr && value->unit == first.unit) same.push_back(*value);
    }
    if (same.size() == repeats.size()) out.push_back(combine_repeats(same));
  }
  return out;
}

void add_counts(RequestCounts& sum, const RequestCounts& more) {
  sum.attempted += more.attempted;
  sum.ok += more.ok;
  sum.failed += more.failed;
  sum.cancelled += more.cancelled;
}

void add_each_once(std::vector<std::string>& list, const std::vector<std::string>& more) {
  for (const std::string& text : more) {
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
  }
}

PointRecord combined(const std::vector<const PointRecord*>& repeats) {
  PointRecord out = *repeats.front();
  if (repeats.size() == 1) return out;
  const bool same_window = std::all_of(
      repeats.begin(), repeats.end(),
      [&](const PointRecord* repeat) { return repeat->window.kind == out.window.kind; });
  out.repeat = 0;
  out.full_run_metrics = combined_metrics(repeats, &PointRecord::full_run_metrics);
  out.metrics =
      same_window ? combined_metrics(repeats, &PointRecord::metrics) : out.full_run_metrics;
  out.window = {
      .kind = same_window ? out.window.kind : "full",
      .rule = fmt::format("means over {} repeats, each with a window of its own", repeats.size())};
  out.extra_json.clear();
  for (size_t i = 1; i < repeats.size(); ++i) {
    add_counts(out.requests, repeats[i]->requests);
    add_each_once(out.warnings, repeats[i]->warnings);
    add_each_once(out.client.reasons, repeats[i]->client.reasons);
    out.client.limited |= repeats[i]->client.limited;
    out.invalid |= repeats[i]->invalid;
  }
  return out;
}

}  // namespace

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

bool same_load(const Load& a, const Load& b) {
  const bool is_known = a.concurrency.has_value() || a.rate.has_value();
  return is_known && a.concurrency == b.concurrency && a.rate == b.rate && a.arrivals == b.arrivals;
}

std::vector<CombinedPoint> combined_points(std::span<const PointRecord> points) {
  std::vector<std::vector<const PointRecord*>> by_load;
  for (const PointRecord& point : points) {
    const auto same = std::find_if(by_load.begin(), by_load.end(), [&](const auto& repeats) {
      return same_load(repeats.front()->load, point.load);
    });
    (same == by_load.end() ? by_load.emplace_back() : *same).push_back(&point);
  }
  std::vector<CombinedPoint> out;
  for (const std::vector<const PointRecord*>& repeats : by_load) {
    out.push_back({.point = combined(repeats), .repeats = static_cast<int>(repeats.size())});
  }
  return out;
}

}  // namespace hadal
