// Predictions for this machine held against what `hadal bench decode` and `hadal bench prefill`
// measured on it: the planner's step (step_model.h) of the checkpoint's config, on the rates of the
// machine that the same run measured.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/constants.h"
#include "plan/step_model.h"

namespace hadal {

struct LocalPoint {
  std::string name = {};
  StepTime predicted = {};
  double measured_ms = 0;  // the median step
  double low_ms = 0;       // its 5th and 95th percentile
  double high_ms = 0;

  double predicted_ms() const;
  double error() const { return predicted_ms() / measured_ms - 1; }
};

// From the JSON of one run. Throws Error kInvalidFile that names the field.
LocalPoint read_local_point(std::string_view text, const std::string& where,
                            const Constants& constants);

// A line for each, then median and worst error.
std::string local_validation_text(const std::vector<LocalPoint>& points);
// {"points": [{"name", "predicted_ms", "measured_ms", "low_ms", "high_ms", "parts_ms"}],
// "summary"}.
std::string local_validation_json(const std::vector<LocalPoint>& points);

}  // namespace hadal
