// Making a step's rows part of a sequence: which entries of a layer go where (ops/commit.h moves
// them).
#pragma once

#include "cache/sequence_cache.h"
#include "checkpoint/v4/config.h"
#include "model/v4/cache_layout.h"
#include "model/v4/step.h"
#include "ops/context.h"
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

// Of the layers of `range`; the drafter's stages follow the model's.
void commit_layers(OpContext& ops, const CommitArgs& args, LayerRange range);

}  // namespace hadal
