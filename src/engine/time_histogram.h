// How often something took how long, in fixed classes from a millisecond to minutes: cheap enough
// for every step, coarse enough for dashboards.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hadal {

struct TimeHistogram {
  // Seconds; a class holds what took at most so long and longer than the bound before.
  static constexpr std::array<double, 17> kBounds = {
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250};

  void add(double seconds) {
    size_t i = 0;
    while (i < kBounds.size() && !(seconds <= kBounds[i])) ++i;
    ++counts[i];
    sum += seconds;
  }

  std::array<int64_t, kBounds.size() + 1> counts = {};  // the last: longer than all bounds
  double sum = 0;                                       // seconds
};

}  // namespace hadal
