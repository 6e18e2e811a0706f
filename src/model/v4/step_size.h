// How large a step is, in what its buffers depend on: that of a plan, or the largest one that is to
// come.
#pragma once

#include "model/model.h"
#include "ops/step_plan.h"

namespace hadal {

struct StepSize {
  int rows = 0;
  int logit_rows = 0;
  int csa_groups = 0;
  int hca_groups = 0;
  int tail_rows = 0;     // of all sequences
  int banks = 0;         // of all sequences
  bool drafter = false;  // what it leaves for the model's drafter is computed as well

  bool holds(const StepSize& other) const;
};

StepSize size_of(const StepPlan& plan);
// No step within `limits` is larger.
StepSize largest_size(const StepLimits& limits);
// Holds both.
StepSize larger_of(const StepSize& a, const StepSize& b);

}  // namespace hadal
