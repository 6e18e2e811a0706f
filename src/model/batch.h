// What a step is asked to compute, and its translation into the StepPlan that operations read.
// Prefill, chunks of a prefill, decode and verification of drafts differ only in these numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/aligned_buffer.h"
#include "cache/cache_geometry.h"
#include "cache/sequence_cache.h"
#include "ops/step_plan.h"

namespace hadal {

// Consecutive new tokens of one sequence, from its committed length on.
struct BatchEntry {
  // Must already hold pages for all positions of the step, and a state slot.
  const SequenceCache* cache = nullptr;
  std::span<const int32_t> tokens;
  int logit_rows = 0;      // how many of the last rows need logits
  int droppable_rows = 0;  // how many of the last rows commit may leave out
};

struct StepPlanArgs {
  const CacheGeometry& geometry;
  std::span<const int> ratios;  // tokens per compressed entry, of every compressor of the model
  bool feeds_drafter = true;    // as StepPlan's
};

// The memory of one plan, used again from step to step: a step no larger than an earlier one
// allocates nothing.
class StepPlanner {
 public:
  StepPlanner() = default;
  StepPlanner(std::span<const BatchEntry> batch, const StepPlanArgs& args) { plan(batch, args); }
  StepPlanner(StepPlanner&&) noexcept = default;
  StepPlanner& operator=(StepPlanner&&) noexcept = default;

  // Valid until the next call. Throws InvariantError when an entry has no tokens or not enough
  // pages.
  const StepPlan& plan(std::span<const BatchEntry> batch, const StepPlanArgs& args);
  // What was planned last.
  const StepPlan& plan() const { return plan_; }

 private:
  AlignedBuffer<std::byte> block_;
  StepPlan plan_;
};

}  // namespace hadal
