// From the name of a workload to the workload itself, as `--workload` and its companions say it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "measure/workload/workload.h"

namespace hadal {

struct WorkloadOptions {
  // "8k1k", "INPUT:OUTPUT[:RANGE]", "agentx", "mooncake", "trace", "conversations", "prompts"
  std::string name = "1k1k";
  std::string trace = {};  // a file; empty: a synthetic trace
  double length_scale = 1;
  int64_t context_limit = 0;  // tokens; 0: none
  uint64_t seed = 0;
};

// Throws Error kInvalidArgument for an unknown name, with the nearest known one, and for a name
// that needs a file and has none.
void check_workload_name(const WorkloadOptions& options);

// A workload for one pass of a load. `salt` sets its contents apart from those of other passes;
// `lanes`: sessions at a time under closed loop, 0 under open loop; `sessions`: 0 as many as are
// asked for.
struct WorkloadPass {
  uint64_t salt = 0;
  int lanes = 0;
  int64_t sessions = 0;
};
std::unique_ptr<Workload> make_workload(const WorkloadOptions& options, const WorkloadPass& pass);

}  // namespace hadal
