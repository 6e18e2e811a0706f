#include "plan/engine_traits.h"

#include <array>
#include <charconv>
#include <vector>

#include "base/error.h"
#include "base/suggest.h"

namespace hadal {
namespace {

const std::vector<EngineTraits>& engines() {
  static const std::vector<EngineTraits> table = {
      // Data-parallel ranks in lockstep, prompts in chunks beside decoding: its documentation,
      // 2026. gpu_memory_utilization is 0.92 unless set (0.25.0). Its profile of a step on a DGX
      // Spark, August 2026, went from 5.30 to 1.39 GiB with 2,048 instead of 8,224 rows of Flash:
      // 2.5 times the buffers that memory_fit.cc counts. Index keys are FP8 unless it is told
      // otherwise.
      {.name = "vllm",
       .mixes = true,
       .chunk = 4096,
       .memory_share = 0.92,
       .step_buffers = 2.5,
       .pool = {.kind = PoolKind::kVllm, .index_key_bytes = 132}},
      // The "prefill delayer", 2026. mem_fraction_static depends on the device; 0.93 as
      // InferenceX's
      // recipe of H200 sets it. It leaves the rest to steps, graphs and links.
      {.name = "sglang",
       .gathers_prefills = true,
       .deals_prompts = true,
       .works_in_rest = true,
       .pool = {.kind = PoolKind::kSglang, .index_key_bytes = 132}},
      // Its recipes wait 4 to 8 s before prefills, 2026.
      {.name = "atom", .gathers_prefills = true, .deals_prompts = true},
      // Of these two nothing is known that tells them apart: prefills between decode steps.
      {.name = "trt"},
      {.name = "tensorrt"},
      {.name = "mindie"},
      {.name = "llama.cpp", .stages = true},
      {.name = "ds4", .stages = true},
      {.name = "ktransformers", .experts_on_host = true},
      {.name = "hadal"},
      {.name = "ideal", .floor = 0, .deals_prompts = true},
  };
  return table;
}

using Version = std::array<int, 3>;

// Of "vllm@0.25" {0, 25, 0}. None of a name without a version, or with a word for one.
std::optional<Version> version_of(std::string_view name) {
  const size_t at = name.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  Version version = {};
  const char* next = name.data() + at + 1;
  const char* end = name.data() + name.size();
  if (next < end && *next == 'v') ++next;
  if (next == end || *next < '0' || *next > '9') return std::nullopt;
  for (int& part : version) {
    const auto parsed = std::from_chars(next, end, part);
    if (parsed.ec == std::errc::result_out_of_range) return std::nullopt;
    if (parsed.ec != std::errc()) break;
    next = parsed.ptr;
    if (next == end || *next != '.') break;
    ++next;
  }
  return version;
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
  if (const std::optional<Version> version = version_of(name)) {
    // What is known of layouts: vLLM 0.22 and 0.28 differ, SGLang 0.5.13 and 0.5.15.
    traits.pool.packed = *version > Version{0, 22, 99};
    traits.pool.state_by_token =
        traits.pool.kind == PoolKind::kSglang && *version <= Version{0, 5, 13};
  }
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
