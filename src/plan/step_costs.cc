#include "plan/step_costs.h"

#include <algorithm>
#include <cmath>

#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/memory_needs.h"
#include "numeric/weight_format.h"

namespace hadal {
namespace {

// Of a tensor that every step reads whole.
double read_bytes(const TensorSpec& spec, ActivationPolicy policy) {
  if (policy == ActivationPolicy::kInt8 && spec.dtype == DType::kF8E4m3 &&
      spec.shape[1] % kInt8Block == 0) {
    return static_cast<double>(
        int8_tile_bytes(static_cast<int>(spec.shape[0]), static_cast<int>(spec.shape[1])).all());
  }
  return static_cast<double>(byte_count(spec));
}

bool is_matrix(const TensorSpec& spec) {
  return spec.shape.size() == 2 && spec.dtype != DType::kF8E8m0 && !spec.name.ends_with("ape");
}

void add_weights(const ModelConfig& config, const StepWork& work, ActivationPolicy policy,
                 StepCosts& costs) {
  const double rows = static_cast<double>(work.sequences) * work.rows;
  for (const TensorSpec& spec : catalogue(config)) {
    const auto elements = static_cast<double>(element_count(spec));
    switch (spec.part) {
      case Part::kEmbedding:
      case Part::kRoutedExperts:
      case Part::kMtp:
        continue;
      case Part::kHead:
      case Part::kHyperHead:
        if (work.logit_rows == 0) continue;
        costs.head_bytes += read_bytes(spec, policy);
        if (is_matrix(spec)) costs.head_macs += elements * work.logit_rows;
        continue;
      default:
        break;
    }
    if (spec.dtype == DType::kI64) {
      // Of the hash table the entries of each row's token.
      costs.dense_bytes += rows * static_cast<double>(spec.shape[1]) * sizeof(int64_t);
      continue;
    }
    if (spec.dtype == DType::kF8E8m0 && policy == ActivationPolicy::kInt8) continue;
    costs.dense_bytes += read_bytes(spec, policy);
    if (!is_matrix(spec)) continue;
    (spec.dtype == DType::kF8E4m3 ? costs.quantised_macs : costs.float_macs) += elements * rows;
  }
}

double expected_experts(const ModelConfig& config, double rows) {
  const double share =
      static_cast<double>(config.experts_per_token) / std::max(1, config.routed_experts);
  return config.layers * config.routed_experts * (1 - std::pow(1 - share, rows));
}

void add_experts(const ModelConfig& config, const StepWork& work, StepCosts& costs) {
  const double rows = static_cast<double>(work.sequences) * work.rows;
  const double used = work.experts_used >= 0 ? work.experts_used : expected_experts(config, rows);
  const CatalogueTotals totals = catalogue_totals(config);
  costs.expert_bytes = used * static_cast<double>(totals.expert_bytes);
  costs.expert_macs = rows * config.layers * config.experts_per_token * 3.0 * config.hidden_size *
                      config.expert_width;
}

// Cached entries that the rows of one sequence read from one layer: each once (`read`), and once
// for every row that sees it (`seen`).
struct LayerEntries {
  double read = 0;
  double seen = 0;
};

LayerEntries compressed_entries(const StepWork& work, LayerKind kind, int topk) {
  LayerEntries entries;
  const int ratio = compress_ratio(kind);
  if (ratio == 0) return entries;
  for (int row = 0; row < work.rows; ++row) {
    const int64_t groups = (work.context + row + 1) / ratio;
    const auto complete = static_cast<double>(groups);
    const double seen = kind == LayerKind::kCsa ? std::min<double>(topk, complete) : complete;
    entries.seen += seen;
    entries.read = std::min(entries.read + seen, complete);
  }
  return entries;
}

LayerEntries window_entries(const StepWork& work, int window) {
  LayerEntries entries;
  for (int row = 0; row < work.rows; ++row) {
    entries.seen += static_cast<double>(std::min<int64_t>(window, work.context + row + 1));
  }
  entries.read = static_cast<double>(std::min<int64_t>(window, work.context + 1) + work.rows - 1);
  return entries;
}

// Index keys, scored only where there are more than are chosen.
LayerEntries scored_keys(const StepWork& work, int topk) {
  LayerEntries keys;
  for (int row = 0; row < work.rows; ++row) {
    const int64_t groups = (work.context + row + 1) / kCsaRatio;
    const auto complete = static_cast<double>(groups);
    if (complete <= topk) continue;
    keys.seen += complete;
    keys.read = complete;
  }
  return keys;
}

void add_cache(const ModelConfig& config, const StepWork& work, StepCosts& costs) {
  const auto entry_bytes = static_cast<double>(kv_entry_bytes(config));
  const double macs_per_entry = 2.0 * config.heads * config.head_dim;
  const double macs_per_key = static_cast<double>(config.index_heads) * config.index_head_dim;
  const LayerEntries window = window_entries(work, config.window);
  const LayerEntries keys = scored_keys(work, config.index_topk);
  for (const LayerKind kind : config.layer_kinds) {
    const LayerEntries compressed = compressed_entries(work, kind, config.index_topk);
    costs.kv_bytes += work.sequences * (window.read + compressed.read) * entry_bytes;
    costs.attention_macs += work.sequences * (window.seen + compressed.seen) * macs_per_entry;
    if (kind != LayerKind::kCsa) continue;
    costs.kv_bytes += work.sequences * keys.read * static_cast<double>(index_key_bytes(config));
    costs.indexer_macs += work.sequences * keys.seen * macs_per_key;
  }
}

}  // namespace

StepCosts step_costs(const ModelConfig& config, const StepWork& work, ActivationPolicy policy) {
  StepCosts costs;
  add_weights(config, work, policy, costs);
  add_experts(config, work, costs);
  add_cache(config, work, costs);
  return costs;
}

StepCosts operator-(const StepCosts& a, const StepCosts& b) {
  return {.dense_bytes = a.dense_bytes - b.dense_bytes,
          .expert_bytes = a.expert_bytes - b.expert_bytes,
          .head_bytes = a.head_bytes - b.head_bytes,
          .kv_bytes = a.kv_bytes - b.kv_bytes,
          .expert_macs = a.expert_macs - b.expert_macs,
          .quantised_macs = a.quantised_macs - b.quantised_macs,
          .float_macs = a.float_macs - b.float_macs,
          .head_macs = a.head_macs - b.head_macs,
          .attention_macs = a.attention_macs - b.attention_macs,
          .indexer_macs = a.indexer_macs - b.indexer_macs};
}

Roofline roofline(const StepCosts& costs, const RooflineLimits& limits, ActivationPolicy policy) {
  const double quantised = policy == ActivationPolicy::kInt8  ? limits.int8_macs_per_s
                           : policy == ActivationPolicy::kFp8 ? limits.bf16_macs_per_s
                                                              : limits.float_macs_per_s;
  const double experts = policy == ActivationPolicy::kInt8 ? limits.fp4_int8_macs_per_s : quantised;
  return {.memory_seconds = costs.bytes() / limits.read_bytes_per_s,
          .arithmetic_seconds = costs.expert_macs / experts + costs.quantised_macs / quantised +
                                (costs.float_macs + costs.head_macs + costs.attention_macs) /
                                    limits.float_macs_per_s +
                                costs.indexer_macs / limits.fp4_int8_macs_per_s};
}

}  // namespace hadal
