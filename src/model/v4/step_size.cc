#include "model/v4/step_size.h"

#include <algorithm>

#include "checkpoint/v4/config.h"

namespace hadal {

bool StepSize::holds(const StepSize& other) const {
  return rows >= other.rows && logit_rows >= other.logit_rows && csa_groups >= other.csa_groups &&
         hca_groups >= other.hca_groups && tail_rows >= other.tail_rows && banks >= other.banks &&
         (drafter || !other.drafter);
}

StepSize size_of(const StepPlan& plan) {
  const auto groups = [&](int ratio) {
    return static_cast<int>(plan.compression(ratio).groups.size());
  };
  return {.rows = plan.rows,
          .logit_rows = static_cast<int>(plan.logit_rows.size()),
          .csa_groups = groups(kCsaRatio),
          .hca_groups = groups(kHcaRatio),
          .tail_rows = plan.tail_rows,
          .banks = plan.banks};
}

StepSize largest_size(const StepLimits& limits) {
  // r rows of a sequence complete at most ⌈r / ratio⌉ groups.
  const auto groups = [&](int ratio) { return limits.rows / ratio + limits.sequences; };
  return {
      .rows = limits.rows,
      .logit_rows = limits.logit_rows,
      .csa_groups = groups(kCsaRatio),
      .hca_groups = groups(kHcaRatio),
      .tail_rows = std::min(limits.rows, limits.sequences * kCsaStateRows + limits.droppable_rows),
      .banks = limits.sequences + limits.droppable_rows,
      .drafter = limits.drafts > 0};
}

StepSize larger_of(const StepSize& a, const StepSize& b) {
  return {.rows = std::max(a.rows, b.rows),
          .logit_rows = std::max(a.logit_rows, b.logit_rows),
          .csa_groups = std::max(a.csa_groups, b.csa_groups),
          .hca_groups = std::max(a.hca_groups, b.hca_groups),
          .tail_rows = std::max(a.tail_rows, b.tail_rows),
          .banks = std::max(a.banks, b.banks),
          .drafter = a.drafter || b.drafter};
}

}  // namespace hadal
