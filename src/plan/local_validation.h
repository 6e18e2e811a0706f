// Predictions for this machine held against what `hadal bench decode` and `hadal bench prefill`
// measured on it: the step's work as the bench counts it (step_costs.h), the machine's rates that
// the same run measured, the planner's shares for processors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/constants.h"
#include "plan/machine_rates.h"
#include "plan/step_costs.h"

namespace hadal {

// Seconds of a step of so many rows with that work on a processor with those rates.
double local_step_seconds(const StepCosts& costs, double rows, int layers,
                          const MachineRates& rates, const Constants& constants);

struct LocalPoint {
  std::string name = {};
  double predicted_ms = 0;
  double measured_ms = 0;  // the median step
  double low_ms = 0;       // its 5th and 95th percentile
  double high_ms = 0;
};

// From the JSON of one run. Throws Error kInvalidFile that names the field.
LocalPoint read_local_point(std::string_view text, const std::string& where,
                            const Constants& constants);

// A line for each, then median and worst error.
std::string local_validation_text(const std::vector<LocalPoint>& points);

}  // namespace hadal
