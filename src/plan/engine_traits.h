// How an engine orders its work, as far as the planner's predictions differ by it. Speeds of
// kernels belong to families of devices (constants.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/kv_pool.h"

namespace hadal {

struct EngineTraits {
  std::string name = {};
  double floor = 1;               // times the family's layer_floor; 0: nothing but limits
  bool gathers_prefills = false;  // data-parallel ranks wait to prefill together
  bool mixes = false;             // prompts share their steps with decoding sequences
  double chunk = 8192;            // rows of a prefill step and attention copy
  bool deals_prompts = false;     // context parallel prefill
  // Several devices hold a range of layers each, and one sequence runs at a time, as in all
  // published runs of such engines.
  bool stages = false;
  bool experts_on_host = false;  // which no prediction is made of

  // Memory: the share of a device that the engine takes; what the rows of a step need, in multiples
  // of the planner's own count of their buffers; whether that and the links come out of the rest.
  double memory_share = 0.93;
  double step_buffers = 1;
  bool works_in_rest = false;
  PoolLayout pool = {};
};

// Of "vllm@0.25" and "dynamo-vllm" vllm's, under the name that was asked for, as the newest version
// has them where the name has none. None for an engine that is not known, nor for "".
std::optional<EngineTraits> find_engine(std::string_view name);

// The same. Throws Error kInvalidArgument with the nearest name.
EngineTraits engine_traits(std::string_view name);

std::vector<std::string> known_engines();

}  // namespace hadal
