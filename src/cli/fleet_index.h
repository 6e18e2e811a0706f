// The prefix index that hadal serves with, as what keeps histories in a simulated fleet: the same
// tree of pages and state images, the same eviction. Only in a build with the engine.
#pragma once

#include <memory>

#include "cache/cache_geometry.h"
#include "plan/fleet.h"
#include "plan/plan_model.h"

namespace hadal {

// Each replica has an index over memory for `tokens_per_replica` tokens, running requests included:
// pages of 256 tokens, state slots as large as those of `model`. A request holds its pages from its
// start to its end. Histories are told apart by session; 64 tokens of one count as a unit, so that
// a million requests are simulated in seconds.
std::unique_ptr<PrefixKeeper> index_keeper(const PlanModel& model, double tokens_per_replica);

// Pages of 256 tokens, counted in units of `unit` tokens, and state slots as large as those of
// `model`. Blocks are small: nothing is stored in them.
CacheGeometry fleet_geometry(const PlanModel& model, int unit);

}  // namespace hadal
