#include "measure/metrics/settling.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "measure/metrics/effective_samples.h"
#include "measure/metrics/trend.h"

namespace hadal {
namespace {

// Squared standard error of the mean of values that follow each other.
double error_squared(std::span<const double> values, double mean) {
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  const auto n = static_cast<double>(values.size());
  return squares / (n - 1) / std::max(effective_count(values), 1.0);
}

}  // namespace

Settling judge_settling(std::span<const double> rates, const SettlingRule& rule) {
  const size_t least = std::max(rule.least_values, 4);
  if (rates.size() < least) {
    return {.why = fmt::format("{} of at least {} values seen", rates.size(), least)};
  }
  const size_t most = std::max<size_t>(rule.most_values, least);
  const size_t judged = std::clamp(rates.size() / 2, least, most);
  const std::span<const double> recent = rates.last(judged);
  const std::span<const double> early = recent.first(judged / 2);
  const std::span<const double> late = recent.last(judged - judged / 2);
  const double mean = mean_of(recent);
  if (!std::isfinite(mean) || !(mean > 0)) return {.why = "nothing was done yet"};

  const double early_mean = mean_of(early);
  const double late_mean = mean_of(late);
  Settling out{
      .change = (late_mean - early_mean) / mean,
      .error = std::sqrt(error_squared(early, early_mean) + error_squared(late, late_mean)) / mean};
  std::vector<TimedValue> line;
  for (const double rate : recent) line.push_back({static_cast<double>(line.size()), rate});
  const std::optional<Trend> trend = trend_of(line);
  const double bound = rule.tolerance * mean;
  const bool drifts = trend && (trend->ci95.low * trend->seconds > bound ||
                                trend->ci95.high * trend->seconds < -bound);
  const bool small = std::fabs(out.change) <= rule.tolerance;
  const bool known = out.error <= rule.tolerance;
  out.settled = small && known && !drifts;
  const char* what = out.settled ? "settled"
                     : !small    ? "still changing"
                     : !known    ? "too uneven to tell"
                                 : "drifting";
  out.why = fmt::format("{}: {:+.1f} % ± {:.1f} % over the last {} values", what, 100 * out.change,
                        100 * out.error, judged);
  return out;
}

}  // namespace hadal
