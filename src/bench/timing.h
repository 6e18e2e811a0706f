// Medians of repeated runs. Everything that hadal bench prints is one of these.
#pragma once

#include <functional>
#include <vector>

namespace hadal {

struct TimingOptions {
  int repetitions = 5;
  // A repetition calls as often as it takes to last this long.
  double least_seconds = 0.02;
};

// The value in the middle; of an even number the mean of both. `values` must not be empty.
double median(std::vector<double> values);
// The value below which `share` (0 to 1) of the values lie.
double quantile(std::vector<double> values, double share);

double seconds_of(const std::function<void()>& run);

// Seconds of one call of `run`: the median over the repetitions, after one call that is not
// counted.
double median_call_seconds(const TimingOptions& options, const std::function<void()>& run);

}  // namespace hadal
