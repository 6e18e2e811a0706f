// What a step is asked to compute, and its translation into the StepPlan that operations read.
// Prefill, chunks of a prefill, decode and verification of drafts differ only in these numbers.
#pragma once

#include <cstdint>
#include <span>

#include "cache/sequence_cache.h"
#include "model/v4/cache_layout.h"
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

enum class StepKind {
  kMain,     // rows start at SequenceCache::length
  kDrafter,  // rows start at SequenceCache::drafter_length
};

// Throws InvariantError when an entry has no tokens or not enough pages.
StepPlan make_step_plan(std::span<const BatchEntry> batch, const CacheLayout& layout,
                        StepKind kind = StepKind::kMain);

}  // namespace hadal
