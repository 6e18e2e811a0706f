#include "checkpoint/memory_plan.h"

#include <algorithm>
#include <tuple>

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
                          compressor_state_bytes(config) - mtp_window_bytes(config);
  if (const double slope = kv_bytes_per_token(config); growing > 0 && slope > 0) {
    plan.cache_tokens = static_cast<int64_t>(static_cast<double>(growing) / slope);
  }
  return plan;
}

}  // namespace

int64_t kv_entry_bytes(const ModelConfig& config) {
  constexpr int64_t kScalePadding = 8;
  const int64_t scales = config.nope_dim() / kKvScaleGroup;
  return config.nope_dim() + 2 * int64_t{config.rope_dim} +
         (scales + kScalePadding - 1) / kScalePadding * kScalePadding;
}

int64_t index_key_bytes(const ModelConfig& config) {
  return config.index_head_dim / 2 + config.index_head_dim / kFp4Block;
}

int64_t kv_bytes(const ModelConfig& config, int64_t tokens) {
  const int64_t entry = kv_entry_bytes(config);
  return config.count(LayerKind::kCsa) * (tokens / kCsaRatio) * (entry + index_key_bytes(config)) +
         config.count(LayerKind::kHca) * (tokens / kHcaRatio) * entry +
         config.layers * std::min<int64_t>(tokens, config.window) * entry;
}

double kv_bytes_per_token(const ModelConfig& config) {
  // Over one HCA group, where both floors are exact and the window is full.
  const int64_t from = (config.window / kHcaRatio + 1) * kHcaRatio;
  return static_cast<double>(kv_bytes(config, from + kHcaRatio) - kv_bytes(config, from)) /
         kHcaRatio;
}

int64_t kv_window_bytes(const ModelConfig& config) {
  return int64_t{config.layers} * config.window * kv_entry_bytes(config);
}

int64_t compressor_state_bytes(const ModelConfig& config) {
  constexpr int64_t kFloat = sizeof(float);
  constexpr int64_t kKeysAndScores = 2;
  constexpr int64_t kBothGroups = 2;  // the previous and the present one, of twice the width
  const int64_t csa = kKeysAndScores * kBothGroups * kCsaRatio * 2 *
                      (config.head_dim + config.index_head_dim) * kFloat;
  const int64_t hca = 3 * int64_t{config.head_dim} * kFloat;
  return config.count(LayerKind::kCsa) * csa + config.count(LayerKind::kHca) * hca;
}

int64_t mtp_window_bytes(const ModelConfig& config) {
  if (config.drafter != DrafterKind::kMtp) return 0;
  return int64_t{config.window} * kv_entry_bytes(config);
}

int64_t sequence_bytes(const ModelConfig& config, int64_t tokens) {
  return kv_bytes(config, tokens) + compressor_state_bytes(config) + mtp_window_bytes(config);
}

int64_t working_memory_bytes(const ModelConfig& config, int64_t rows) {
  constexpr int64_t kProgram = int64_t{24} << 20;
  // Of index scores at once (ops/cpu/indexer.cc).
  constexpr int64_t kMaxScores = int64_t{4} << 20;
  const int64_t hidden = config.hidden_size;
  const int64_t queries = int64_t{config.heads} * config.head_dim;
  const int64_t index_queries = int64_t{config.index_heads} * config.index_head_dim;
  const int64_t chosen = config.experts_per_token + config.shared_experts;
  const int64_t floats =
      std::max(queries, config.experts_per_token * hidden) + std::max(index_queries, queries) +
      (2 * int64_t{config.hc_mult} + 4) * hidden + 3 * chosen * config.expert_width +
      config.routed_experts + config.index_topk + config.q_lora_rank + 4 * config.head_dim +
      int64_t{config.o_groups} * config.o_lora_rank;
  // Inputs rounded for the kernels: as wide as the widest of the above.
  const int64_t rounded = 2 * std::max({queries, chosen * config.expert_width, hidden});
  const int64_t keys = (config.layers + 1) * kv_entry_bytes(config);
  constexpr int64_t kFloat = sizeof(float);
  const int64_t scores =
      config.count(LayerKind::kCsa) == 0
          ? 0
          : std::min(kMaxScores, rows * (int64_t{config.max_positions} / kCsaRatio));
  return kProgram + rows * (kFloat * floats + rounded + keys) +
         kFloat * (scores + config.vocab_size);
}

int64_t int8_weight_bytes(const CatalogueTotals& totals) {
  return totals.part(Part::kAttention) + totals.part(Part::kSharedExperts) +
         totals.part(Part::kMtp);
}

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
