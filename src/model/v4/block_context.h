// What the blocks of a layer share during one forward pass: configuration, the plan of the step,
// the cache they read, the Step they fill, and the working memory.
#pragma once

#include "cache/sequence_cache.h"
#include "checkpoint/v4/config.h"
#include "model/v4/cache_layout.h"
#include "model/v4/step.h"
#include "model/v4/v4_model.h"
#include "model/v4/work_buffers.h"
#include "ops/context.h"
#include "ops/step_plan.h"

namespace hadal {

struct BlockContext {
  const ModelConfig& config;
  const CacheLayout& layout;
  const ModelOptions& options;
  const StepPlan& plan;
  const CachePoolView& pool;
  Step& step;
  OpContext& ops;
  WorkBuffers& buffers;
  const LayerObserver& observer;
};

}  // namespace hadal
