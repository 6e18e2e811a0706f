// One point of load in full, from its samples: what happened on one clock in equal slices, one lane
// per request, how figures are distributed, what failed. Computed when a page asks for it.
#pragma once

#include <cstdint>
#include <string>

#include "measure/store/run_store.h"

namespace hadal {

struct PointDetailOptions {
  int slices = 120;
  int64_t lanes = 400;  // requests drawn one by one: the first of the point
  int bins = 40;        // of a distribution
};

// Of the run, as RunRecord has them.
struct PhaseGpus {
  int all = 0;
  int prefill = 0;
  int decode = 0;
};

// "hadal.dashboard.point/1", the shape of docs/dashboard.md. Times are seconds on the point's
// clock. Throws as RunStore::load_samples.
std::string point_detail_json(RunStore& store, const std::string& run_id, int64_t point,
                              const PhaseGpus& gpus, const PointDetailOptions& options = {});

}  // namespace hadal
