#include "plan/engine_traits.h"

#include <vector>

#include "base/error.h"
#include "base/suggest.h"

namespace hadal {
namespace {

const std::vector<EngineTraits>& engines() {
  static const std::vector<EngineTraits> table = {
      // Data-parallel ranks in lockstep, prompts in chunks beside decoding: its documentation,
      // 2026.
      {.name = "vllm", .mixes = true, .chunk = 4096},
      // The "prefill delayer", 2026.
      {.name = "sglang", .gathers_prefills = true},
      // Its recipes wait 4 to 8 s before prefills, 2026.
      {.name = "atom", .gathers_prefills = true},
      // Of these two nothing is known that tells them apart: prefills between decode steps.
      {.name = "trt"},
      {.name = "tensorrt"},
      {.name = "mindie"},
      {.name = "llama.cpp", .stages = true},
      {.name = "ds4", .stages = true},
      {.name = "ktransformers", .experts_on_host = true},
      {.name = "hadal"},
      {.name = "ideal", .floor = 0},
  };
  return table;
}

}  // namespace

std::optional<EngineTraits> find_engine(std::string_view name) {
  const EngineTraits* found = nullptr;
  for (const EngineTraits& traits : engines()) {
    if (name.find(traits.name) == std::string_view::npos) continue;
    // "atom-vllm" and "atomesh-vllm" are vllm with the kernels of atom.
    if (traits.name == "atom" && name.find("vllm") != std::string_view::npos) continue;
    if (found == nullptr || traits.name.size() >= found->name.size()) found = &traits;
  }
  if (found == nullptr) return std::nullopt;
  EngineTraits traits = *found;
  traits.name = name;
  return traits;
}

EngineTraits engine_traits(std::string_view name) {
  if (auto found = find_engine(name)) return *found;
  const std::vector<std::string> names = known_engines();
  std::string known;
  for (const std::string& engine : names) known += (known.empty() ? "" : ", ") + engine;
  const std::string meant = nearest(name.substr(0, name.find('@')), names);
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "--engine",
               .what = "'" + printable(name) + "' is not an engine that the planner knows",
               .remedy = meant.empty() ? "use one of " + known : "did you mean " + meant + "?"});
}

std::vector<std::string> known_engines() {
  std::vector<std::string> names;
  for (const EngineTraits& traits : engines()) names.push_back(traits.name);
  return names;
}

}  // namespace hadal
