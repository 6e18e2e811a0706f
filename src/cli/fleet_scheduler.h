// Replicas of a simulated fleet that work as hadal serves: the engine's own scheduler, memory,
// prefix index and commit of steps, with every option of theirs; only what computes a step is put
// in, and takes as long as the planner says. Only in a build with the engine.
#pragma once

#include <functional>

#include "plan/plan_model.h"
#include "plan/replica_steps.h"
#include "plan/serving_model.h"

namespace hadal {

struct ScheduledReplica {
  PlanModel model;
  double tokens = 0;    // that the memory of a replica holds, running requests included
  int max_running = 1;  // requests at a time
  int prefill_rows = 512;
  double budget_seconds = 0.5;  // of a step with prefills
  int drafts = 0;               // checked for each sequence in every step
  double tokens_per_step = 1;   // of each; drafts are kept so that this is the mean
  std::function<double(const MixedStep&)> step_seconds;
};

// Memory is pages of 256 tokens and state slots of the model's size; a sequence that makes way is
// computed again, from what the index has kept of it.
ReplicaFactory scheduled_replicas(ScheduledReplica replica);

}  // namespace hadal
