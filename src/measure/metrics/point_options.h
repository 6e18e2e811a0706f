// What a point is summed up with besides its samples.
#pragma once

#include "measure/metrics/request_figures.h"

namespace hadal {

struct PointOptions {
  int repeat = 0;
  // Accelerators: all, and where prefill and decode are apart each one's own; 0: unknown. Without
  // them there are no figures per accelerator.
  int gpus = 0;
  int prefill_gpus = 0;
  int decode_gpus = 0;
  ServiceObjective objective = {};  // goodput has no figure without one
  // A point with a greater share of failed requests is invalid.
  double most_failures = 0.05;
};

}  // namespace hadal
