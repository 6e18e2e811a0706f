#include "measure/metrics/trend.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "measure/metrics/distributions.h"
#include "measure/metrics/effective_samples.h"

namespace hadal {

std::optional<Trend> trend_of(std::span<const TimedValue> in_order) {
  const size_t n = in_order.size();
  if (n < 4) return std::nullopt;
  const auto count = static_cast<double>(n);
  double mean_time = 0;
  double mean = 0;
  for (const TimedValue& sample : in_order) {
    mean_time += sample.seconds / count;
    mean += sample.value / count;
  }
  double time_squares = 0;
  double products = 0;
  for (const TimedValue& sample : in_order) {
    time_squares += (sample.seconds - mean_time) * (sample.seconds - mean_time);
    products += (sample.seconds - mean_time) * (sample.value - mean);
  }
  const double seconds = in_order.back().seconds - in_order.front().seconds;
  if (!(seconds > 0) || !std::isfinite(products / time_squares)) return std::nullopt;

  Trend out{.slope = products / time_squares, .mean = mean, .seconds = seconds};
  std::vector<double> off;
  off.reserve(n);
  double off_squares = 0;
  for (const TimedValue& sample : in_order) {
    off.push_back(sample.value - mean - out.slope * (sample.seconds - mean_time));
    off_squares += off.back() * off.back();
  }
  // What lies off the line is worth fewer samples where it follows itself.
  const double effective = std::max(effective_count(off), 1.0);
  const double error = std::sqrt(off_squares / (count - 2) / time_squares * (count / effective));
  const double reach = student_t_quantile(0.975, count - 2) * error;
  out.ci95 = {.low = out.slope - reach, .high = out.slope + reach};
  return out;
}

}  // namespace hadal
