// What summing up a point meets on its way and a reader should know: how many samples had no right
// to a figure and why, and where token times are less than counted.
#pragma once

#include <cstdint>

#include "measure/metrics/told_usage.h"

namespace hadal {

struct PointTally {
  int64_t inconsistent = 0;    // requests that ended well with times out of order
  int64_t one_token = 0;       // of them: no TPOT
  int64_t in_one_piece = 0;    // of them: no TPOT
  int64_t no_tokens_told = 0;  // of them: no usage
  int64_t estimated = 0;       // of them: events counted for tokens
  int64_t gaps_out_of_order = 0;
  // Answers that began and whose usage does not tell their input: it counts as it was meant.
  int64_t inputs_not_told = 0;
  UsageFaults usage = {};
  double output_tokens = 0;            // in the whole run
  double output_tokens_evenly = 0;     // of them, spread evenly for want of events
  double output_tokens_cut_short = 0;  // of them, by the events of answers that we cut short
};

}  // namespace hadal
