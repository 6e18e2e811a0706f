// A sweep as its file says it: which endpoints (running ones, or engines to be started by a
// recipe), which workloads, at which loads; and the matrix of both as jobs, one run each. Starts
// nothing and measures nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/sweep/recipe.h"

namespace hadal {

// An option of `hadal measure run`, handed on as it is.
struct RunOption {
  std::string name = {};  // without dashes
  std::string value = {};
};

struct SweepEndpoint {
  std::string name = {};
  std::string url = {};                     // of a running one; of a recipe, the recipe's
  std::optional<EngineRecipe> recipe = {};  // filled
  std::vector<RunOption> options = {};
};

struct SweepWorkload {
  std::string name = {};
  std::vector<RunOption> options = {};  // workload, concurrency, requests, …
};

struct SweepPlan {
  std::string name = {};
  std::vector<SweepEndpoint> endpoints = {};
  std::vector<SweepWorkload> workloads = {};
};

// `folder`: where paths of recipes begin. Throws Error kInvalidFile that names the line or key.
SweepPlan read_sweep_plan(std::string_view text, const std::string& where,
                          const std::filesystem::path& folder);
SweepPlan load_sweep_plan(const std::filesystem::path& path);

// One run: all loads of a workload on an endpoint.
struct SweepJob {
  size_t endpoint = 0;
  size_t workload = 0;
  std::string label = {};  // "nightly/vllm/8k1k"
  // Names what is measured: the endpoint, its recipe, its version, the workload, and `period`. Two
  // runs of one mark are the same measurement.
  std::string mark = {};
};

// Of one endpoint, whose engine is of `version`; `period` is "" where a measurement is made once,
// or the day where it is made daily.
std::vector<SweepJob> sweep_jobs(const SweepPlan& plan, size_t endpoint, const std::string& version,
                                 const std::string& period);

// The words of `hadal measure run` for a job, after "hadal".
std::vector<std::string> job_words(const SweepPlan& plan, const SweepJob& job,
                                   const std::string& store, const std::string& version);

}  // namespace hadal
