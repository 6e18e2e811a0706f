#include "measure/metrics/effective_samples.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "measure/metrics/distributions.h"

namespace hadal {
namespace {

constexpr double kUpper = 0.975;  // of a two-sided 95 % interval

// Sums about a mean, so that large values with small differences keep their digits.
template <typename Value>
double autocorrelation(size_t n, double mean, const Value& value) {
  if (n < 3) return 0;
  double squares = 0;
  double products = 0;
  double before = 0;
  for (size_t i = 0; i < n; ++i) {
    const double off = value(i) - mean;
    squares += off * off;
    if (i > 0) products += off * before;
    before = off;
  }
  // Rounding alone makes the mean of n equal values differ from them.
  const double noise = 1e-13 * std::fabs(mean);
  if (!(squares > static_cast<double>(n) * noise * noise)) return 0;
  return std::clamp(products / squares, -1.0, 1.0);
}

double worth(size_t n, double autocorrelation) {
  if (n == 0) return 0;
  const double rho = std::max(autocorrelation, 0.0);
  return std::max(1.0, static_cast<double>(n) * (1 - rho) / (1 + rho));
}

std::optional<Interval> interval_about_mean(std::span<const double> values, double effective) {
  if (effective < 2) return std::nullopt;
  const double mean = mean_of(values);
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  const double reach = student_t_quantile(kUpper, effective - 1) * deviation / std::sqrt(effective);
  if (!std::isfinite(reach)) return std::nullopt;
  return Interval{.low = mean - reach, .high = mean + reach};
}

struct GroupRatio {
  double mean = 0;
  double standard_error = 0;
  int groups = 0;  // with samples
  double count = 0;
};

// The mean of `value(i)` over all samples and its error by the differences between groups, which
// may differ in size (the linearised variance of a ratio).
template <typename Value>
GroupRatio ratio_of_groups(const GroupedSamples& samples, const Value& value) {
  std::vector<double> sums(static_cast<size_t>(std::max(samples.groups, 0)));
  std::vector<double> sizes(sums.size());
  for (size_t i = 0; i < samples.values.size(); ++i) {
    sums[samples.group[i]] += value(i);
    sizes[samples.group[i]] += 1;
  }
  GroupRatio out;
  double sum = 0;
  for (size_t g = 0; g < sums.size(); ++g) {
    sum += sums[g];
    out.count += sizes[g];
    out.groups += sizes[g] > 0 ? 1 : 0;
  }
  if (out.count == 0) return out;
  out.mean = sum / out.count;
  if (out.groups < 2) return out;
  double squares = 0;
  for (size_t g = 0; g < sums.size(); ++g) {
    const double off = sums[g] - out.mean * sizes[g];
    squares += off * off;
  }
  const double groups = out.groups;
  out.standard_error = std::sqrt(squares * groups / (groups - 1)) / out.count;
  return out;
}

}  // namespace

double lag1_autocorrelation(std::span<const double> in_order) {
  return autocorrelation(in_order.size(), mean_of(in_order), [&](size_t i) { return in_order[i]; });
}

double effective_count(std::span<const double> in_order) {
  return worth(in_order.size(), lag1_autocorrelation(in_order));
}

double effective_count_at_most(std::span<const double> in_order, double bound) {
  const auto hits =
      std::count_if(in_order.begin(), in_order.end(), [&](double v) { return v <= bound; });
  const double share =
      in_order.empty() ? 0 : static_cast<double>(hits) / static_cast<double>(in_order.size());
  const double rho = autocorrelation(in_order.size(), share,
                                     [&](size_t i) { return in_order[i] <= bound ? 1.0 : 0.0; });
  return worth(in_order.size(), rho);
}

double mean_of(std::span<const double> values) {
  if (values.empty()) return 0;
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

std::optional<Interval> mean_interval(std::span<const double> in_order) {
  return interval_about_mean(in_order, effective_count(in_order));
}

std::optional<Interval> independent_mean_interval(std::span<const double> values) {
  return interval_about_mean(values, static_cast<double>(values.size()));
}

std::optional<Interval> grouped_mean_interval(const GroupedSamples& samples) {
  const GroupRatio ratio = ratio_of_groups(samples, [&](size_t i) { return samples.values[i]; });
  if (ratio.groups < 3) return std::nullopt;
  const double reach = student_t_quantile(kUpper, ratio.groups - 1) * ratio.standard_error;
  return Interval{.low = ratio.mean - reach, .high = ratio.mean + reach};
}

double grouped_effective_count_at_most(const GroupedSamples& samples, double bound) {
  const GroupRatio ratio =
      ratio_of_groups(samples, [&](size_t i) { return samples.values[i] <= bound ? 1.0 : 0.0; });
  if (ratio.groups < 3) return 1;
  // Independent samples would have the error sqrt(p(1 − p)/n). Student's factor over the normal
  // one stands for the uncertainty of an error that few groups tell.
  const double factor =
      student_t_quantile(kUpper, ratio.groups - 1) / student_t_quantile(kUpper, 1e9);
  const double variance = ratio.standard_error * ratio.standard_error * factor * factor;
  if (!(variance > 0)) return ratio.count;
  return std::clamp(ratio.mean * (1 - ratio.mean) / variance, 1.0, ratio.count);
}

}  // namespace hadal
