#include "plan/memory_plan.h"

#include <algorithm>
#include <tuple>

#include "checkpoint/v4/memory_needs.h"

namespace hadal {
namespace {

constexpr int64_t kReserveShare = 16;              // of the memory,
constexpr int64_t kMaxReserve = int64_t{8} << 30;  // but no more than this
constexpr int64_t kUsefulTokens = 8192;
constexpr int64_t kUsualRows = 512;  // of a step, as the engine takes them unless told otherwise

// What a bound leaves for the cache, and whether it lets the model work.
MemoryPlan plan_within(const ModelConfig& config, const CatalogueTotals& totals,
                       const MemoryBound& bound) {
  const int64_t memory = bound.limit_bytes;
  const int64_t scratch = working_memory_bytes(config, kUsualRows);
  const bool pages = bound.kind == MemoryKind::kPages;
  MemoryPlan plan{.bound = bound,
                  .machine_bytes = memory,
                  .reserve_bytes = std::min(
                      memory, std::max(scratch, std::min(memory / kReserveShare, kMaxReserve))),
                  .weight_bytes = bound.kind == MemoryKind::kPrivate ? 0 : totals.bytes};
  const int64_t usable = memory - plan.reserve_bytes;
  plan.cache_bytes = std::max<int64_t>(0, usable - plan.weight_bytes);

  const int64_t useful =
      sequence_bytes(config, std::min<int64_t>(kUsefulTokens, config.max_positions));
  // Pages of weights make way for what must be in memory; what is mapped or promised does not.
  const int64_t room = pages ? usable : usable - plan.weight_bytes;
  if (room < sequence_bytes(config, 1)) {
    plan.fit = Fit::kTooSmall;
  } else if (plan.weight_bytes > usable) {
    plan.fit = Fit::kFromDisk;
    // Everything but the routed experts is read for each token and so stays in memory first.
    const int64_t routed = totals.part(Part::kRoutedExperts);
    const int64_t idle = totals.part(Part::kEmbedding) + totals.part(Part::kMtp);
    const int64_t constant = totals.bytes - routed - idle;
    const double resident =
        std::clamp(static_cast<double>(usable - constant) / static_cast<double>(routed), 0.0, 1.0);
    const auto chosen = static_cast<double>(totals.active_bytes - constant);
    plan.disk_bytes_per_token =
        static_cast<int64_t>(chosen * (1 - resident)) + std::max<int64_t>(0, constant - usable);
  } else if (plan.cache_bytes < useful) {
    plan.fit = Fit::kNoCache;
  }

  const int64_t growing = plan.cache_bytes - kv_window_bytes(config) -
                          compressor_state_bytes(config) - drafter_state_bytes(config);
  if (const double slope = kv_bytes_per_token(config); growing > 0 && slope > 0) {
    plan.cache_tokens = static_cast<int64_t>(static_cast<double>(growing) / slope);
  }
  return plan;
}

}  // namespace

MemoryPlan plan_memory(const ModelConfig& config, const CatalogueTotals& totals,
                       const std::vector<MemoryBound>& bounds) {
  if (bounds.empty()) return plan_within(config, totals, least_memory(bounds));
  MemoryPlan least;
  for (size_t i = 0; i < bounds.size(); ++i) {
    const MemoryPlan plan = plan_within(config, totals, bounds[i]);
    const auto rank = [](const MemoryPlan& p) {
      const int severity = p.fit == Fit::kTooSmall ? 0 : p.fit == Fit::kFromDisk ? 1 : 2;
      return std::tuple(severity, p.cache_bytes, p.machine_bytes);
    };
    if (i == 0 || rank(plan) < rank(least)) least = plan;
  }
  return least;
}

}  // namespace hadal
