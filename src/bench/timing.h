// Medians of repeated runs. Everything that hadal bench prints is one of these.
#pragma once

#include <functional>

namespace hadal {

struct TimingOptions {
  int repetitions = 5;
  // A repetition calls as often as it takes to last this long.
  double least_seconds = 0.02;
};

double seconds_of(const std::function<void()>& run);

// Seconds of one call of `run`: the median over the repetitions, after one call that is not
// counted.
double median_call_seconds(const TimingOptions& options, const std::function<void()>& run);

}  // namespace hadal
