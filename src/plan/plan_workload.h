// What requests look like, from the words of a command line or from a trace: mean lengths, and how
// much of the input a prefix cache of some size would give back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/serving_model.h"

namespace hadal {

// "8k1k", "1k1k", "1k8k" (uniform in [0.8 L, L], as published runs have them), "agentx",
// "8192:1024" and "8192:1024:0.6" (exact, with the share of the input that is cached). Throws Error
// kInvalidArgument.
RequestShape parse_plan_workload(const std::string& text);

// A trace whose requests name the blocks of their input: JSON lines of
// {"input_length", "output_length", "hash_ids"} (Mooncake's form).
class PlanTrace {
 public:
  // Throws Error kInvalidFile that names the line.
  PlanTrace(std::string_view text, const std::string& where);

  // Means; `hit` is that of a cache of `capacity_tokens` which gives up what was used longest ago,
  // shared by all requests in the order of the trace. 0: no cache.
  RequestShape shape(double capacity_tokens) const;
  // Of a cache that forgets nothing.
  RequestShape shape_without_limit() const;

 private:
  struct Request {
    double input = 0;
    double output = 0;
    std::vector<int64_t> blocks = {};
  };
  std::vector<Request> requests_ = {};
  double block_tokens_ = 512;
};

}  // namespace hadal
