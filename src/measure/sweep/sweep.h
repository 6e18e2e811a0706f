// A sweep: the jobs of a plan that are not measured yet, one after the other, with engines started
// and stopped where the plan says so. Killed at any moment it loses the run that was going on,
// which stays in the store as partial, and nothing else: what is complete is recognised by its
// mark.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "measure/store/run_store.h"
#include "measure/sweep/sweep_plan.h"

namespace hadal {

struct SweepOptions {
  std::string store = {};
  std::string period = {};          // as sweep_jobs takes it
  std::filesystem::path logs = {};  // where engines print to
  bool dry_run = false;
};

// What the sweep does to the world; tests put their own in place.
struct SweepActions {
  // Measures with these words of `hadal`; gives its exit status, none where it was interrupted.
  std::function<std::optional<int>(const std::vector<std::string>& words)> measure = {};
  std::function<void(const std::string& line)> say = {};
};

struct SweepResult {
  int jobs = 0;
  int measured_before = 0;
  int measured = 0;
  int failed = 0;  // each with a reason that was said
  int left = 0;    // not tried: interrupted, or a dry run
};

// Runs one after the other. A job that fails does not stop the others; an engine that does not get
// ready leaves a failed run for each of its jobs, with the reason, so that a history has a gap
// there. Throws Error kUnavailable where another sweep of this plan is under way.
SweepResult run_sweep(const SweepPlan& plan, const std::filesystem::path& plan_file,
                      const SweepOptions& options, const SweepActions& actions,
                      const std::atomic<bool>& stop);

// Marks of runs in the store that are complete.
std::vector<std::string> measured_marks(RunStore& store);

// Adds the mark to the plan of a run that is about to begin.
std::string with_mark(const std::string& plan_json, const std::string& mark);

}  // namespace hadal
