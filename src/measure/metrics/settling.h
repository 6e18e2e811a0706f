// Whether a server has settled: rates second by second, or of completions one after the other, that
// no longer change. The runner ends a warm-up by it. Keeps no clock and sends nothing.
#pragma once

#include <span>
#include <string>

namespace hadal {

struct SettlingRule {
  int least_values = 10;   // judged at once; fewer never settle
  int most_values = 60;    // older ones are forgotten
  double tolerance = 0.1;  // of the mean
};

struct Settling {
  bool settled = false;
  double change = 0;     // from the first half of what was judged to the second, of the mean
  double error = 0;      // of that change, one standard error
  std::string why = {};  // in words
};

// `rates` in order of time. Judged are the last half of them, at least `least_values` and at most
// `most_values`. Settled where the change between the two halves of these is within the tolerance,
// known to within the tolerance, and no straight line through them surely rises or falls by more
// than that.
Settling judge_settling(std::span<const double> rates, const SettlingRule& rule = {});

}  // namespace hadal
