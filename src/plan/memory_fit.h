// What an instance takes of each device's memory, and how many sequences that leaves room for:
// weights by their spread, the engine's own reserve, communication buffers, scratch for the rows
// of a step, and the rest for keys and states.
#pragma once

#include <string>

#include "plan/device_limits.h"
#include "plan/engine_traits.h"
#include "plan/plan_model.h"
#include "plan/step_model.h"

namespace hadal {

struct MemoryFitOptions {
  EngineTraits engine = {};
  bool drafter = false;
};

// Of the fullest device, bytes.
struct MemoryFit {
  double device_bytes = 0;
  double weights = 0;
  double context = 0;    // driver, runtime, graphs
  double links = 0;      // communication buffers
  double workspace = 0;  // buffers of a step
  double kept_free = 0;  // what the engine leaves
  double cache = 0;      // for keys and states; negative: it does not fit
  PoolLayout layout = {};
  PoolSetting setting = {};

  bool fits() const { return cache > 0; }
  // Sequences of so many tokens that one attention copy holds at once, while a prompt is in its
  // step (0 where nothing fits).
  double sequences(const PlanModel& model, double tokens) const;
  double tokens(const PlanModel& model) const;  // in one long sequence
};

MemoryFit memory_fit(const PlanModel& model, const ParameterBytes& weights,
                     const DeviceLimits& device, const Spread& spread,
                     const MemoryFitOptions& options = {});

}  // namespace hadal
