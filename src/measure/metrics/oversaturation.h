// Whether more was asked of a server under open loop than it can do: then the number in flight and
// the time to the first token grow as long as the load lasts, and every figure is one of how long
// the run was. Both must grow surely, and by an amount that matters.
#pragma once

#include <optional>
#include <string>

#include "measure/metrics/trend.h"
#include "measure/records.h"

namespace hadal {

struct Oversaturation {
  bool found = false;
  std::optional<Trend> in_flight = {};
  std::optional<Trend> ttft = {};
  std::string why = {};  // in words, also where it cannot be told
};

// By the requests due within the window, which must last at least 30 s and hold 30 answers. One who
// watches a run gives a window that ends now.
Oversaturation judge_oversaturation(const PointSamples& samples, const Window& window);

}  // namespace hadal
