// config.json: any text is refused with an Error or gives a config whose sizes can be computed
// with.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/config.h"
#include "checkpoint/v4/memory_needs.h"
#include "plan/memory_plan.h"

namespace {

void require(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  hadal::ModelConfig config;
  try {
    config = hadal::parse_config(text, "config.json");
  } catch (const hadal::Error&) {
    return 0;
  }
  const std::string written = hadal::config_to_json(config);
  require(hadal::config_to_json(hadal::parse_config(written, "config.json")) == written);
  require(hadal::kv_bytes(config, config.max_positions) > 0);
  // The list of tensors of a large model takes longer than one run may.
  if (int64_t{config.layers} * config.routed_experts <= 1024) {
    const hadal::CatalogueTotals totals = hadal::catalogue_totals(config);
    require(totals.bytes > 0 && totals.active_bytes > 0 && totals.active_parameters > 0);
    const hadal::MemoryBound memory{.name = "memory", .limit_bytes = int64_t{1} << 34};
    require(hadal::plan_memory(config, totals, {memory}).cache_tokens >= 0);
  }
  return 0;
}
