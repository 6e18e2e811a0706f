// The figures that samples are summed up by: median, quantiles, a histogram of durations, and
// shares over time. One definition each, for whoever measures.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hadal {

// The value in the middle; of an even number the mean of both. `values` must not be empty.
double median(std::vector<double> values);
// The value at rank round(share · (n - 1)) in ascending order, `share` from 0 to 1. `values` must
// not be empty.
double quantile(std::vector<double> values, double share);

// How often something took how long, in fixed classes from a millisecond to minutes: cheap enough
// for every step, coarse enough for dashboards.
struct TimeHistogram {
  // Seconds; a class holds what took at most so long and longer than the bound before.
  static constexpr std::array<double, 17> kBounds = {
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250};

  void add(double seconds);

  std::array<int64_t, kBounds.size() + 1> counts = {};  // the last: longer than all bounds
  double sum = 0;                                       // seconds
};

// Of something measured now and then: its mean, weighted by time, and its maximum.
struct TimeShare {
  double mean = 0;
  double greatest = 0;
};

class ShareOverTime {
 public:
  void add(double share, double seconds);
  TimeShare result() const;

 private:
  double sum_ = 0;
  double seconds_ = 0;
  double greatest_ = 0;
};

}  // namespace hadal
