// Making a step's rows part of a sequence: their keys go into the window ring, completed groups
// into pages, what the compressors carry on into the state slot. The only code that writes the
// cache.
#pragma once

#include "cache/sequence_cache.h"
#include "checkpoint/v4/config.h"
#include "model/v4/cache_layout.h"
#include "model/v4/step.h"
#include "ops/step_plan.h"

namespace hadal {

struct CommitArgs {
  const ModelConfig& config;
  const CacheLayout& layout;
  const StepPlan& plan;
  const CachePoolView& pool;
  const Step& step;
  int sequence = 0;   // index into plan.sequences
  int first_row = 0;  // rows of it that were committed before, in this step
  int rows = 0;       // how many of its first rows stay, with those
};

// `layer` indexes the cache layout; config.layers is the MTP block's.
void commit_layer(const CommitArgs& args, int layer);

}  // namespace hadal
