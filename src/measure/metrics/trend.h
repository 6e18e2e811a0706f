// Whether something grows over time, and how surely: a straight line through samples by least
// squares, its slope with a 95 % interval that allows for samples that follow each other closely.
#pragma once

#include <optional>
#include <span>

#include "measure/records.h"

namespace hadal {

struct TimedValue {
  double seconds = 0;
  double value = 0;
};

struct Trend {
  double slope = 0;  // per second
  Interval ci95 = {};
  double mean = 0;
  double seconds = 0;  // from the first sample to the last

  bool surely_rising() const { return ci95.low > 0; }
};

// `in_order` by time. None for fewer than four samples, of no length in time, or not finite.
std::optional<Trend> trend_of(std::span<const TimedValue> in_order);

}  // namespace hadal
