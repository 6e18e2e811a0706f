#include "checkpoint/v4/memory_needs.h"

#include <algorithm>

namespace hadal {

int64_t kv_entry_bytes(const ModelConfig& config) {
  constexpr int64_t kScalePadding = 8;
  const int64_t scales = config.nope_dim() / kKvScaleBlock;
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

namespace {

// Of the head in int8, which the drafter reads: codes of a byte and a scale for 128 of them.
int64_t draft_head_bytes(const ModelConfig& config) {
  if (config.usable_stages() == 0) return 0;
  const int64_t values = int64_t{config.vocab_size} * config.hidden_size;
  return values + values / kInt8Block * int64_t{sizeof(float)};
}

}  // namespace

int64_t drafter_state_bytes(const ModelConfig& config) {
  constexpr int64_t kFloat = sizeof(float);
  const int64_t streams = config.drafter == DrafterKind::kMtp
                              ? int64_t{config.hc_mult} * config.hidden_size * kFloat
                              : 0;
  return int64_t{config.usable_stages()} * config.window * kv_entry_bytes(config) + streams;
}

int64_t drafter_read_bytes(const ModelConfig& config, const CatalogueTotals& totals) {
  const int stages = config.usable_stages();
  if (stages == 0) return 0;
  constexpr int64_t kBf16 = 2;
  const int rows = config.drafter == DrafterKind::kDspark ? config.dspark.block_size : 1;
  const int64_t experts =
      std::min<int64_t>(config.routed_experts, int64_t{rows} * config.experts_per_token);
  // Of the Markov head one matrix is read for every guess, and of the other a row.
  const int64_t markov = int64_t{config.vocab_size} * config.dspark.markov_rank * kBf16;
  return totals.part(Part::kMtp) -
         stages * (config.routed_experts - experts) * totals.expert_bytes +
         draft_head_bytes(config) + (rows - 2) * markov;
}

int64_t sequence_bytes(const ModelConfig& config, int64_t tokens) {
  return kv_bytes(config, tokens) + compressor_state_bytes(config) + drafter_state_bytes(config);
}

int64_t program_memory_bytes(const ModelConfig& config, int64_t rows) {
  constexpr int64_t kProgram = int64_t{24} << 20;
  // Of index scores at once (ops/cpu/indexer.cc).
  constexpr int64_t kMaxScores = int64_t{4} << 20;
  constexpr int64_t kFloat = sizeof(float);
  const int64_t scores =
      config.count(LayerKind::kCsa) == 0
          ? 0
          : std::min(kMaxScores, rows * (int64_t{config.max_positions} / kCsaRatio));
  const int64_t gated = 2 * rows * config.experts_per_token * config.expert_width;
  return kProgram + gated + kFloat * (scores + config.vocab_size);
}

int64_t working_memory_bytes(const ModelConfig& config, int64_t rows) {
  const int64_t hidden = config.hidden_size;
  const int64_t queries = int64_t{config.heads} * config.head_dim;
  const int64_t index_queries = int64_t{config.index_heads} * config.index_head_dim;
  const int64_t floats = std::max(queries, config.experts_per_token * hidden) +
                         std::max(index_queries, queries) +
                         (2 * int64_t{config.hc_mult} + 4) * hidden +
                         3 * int64_t{config.shared_experts} * config.expert_width +
                         config.routed_experts + config.index_topk + config.q_lora_rank +
                         10 * config.head_dim + int64_t{config.o_groups} * config.o_lora_rank;
  // Inputs rounded for the kernels: as wide as the widest of the above.
  const int64_t rounded =
      6 * std::max({queries, int64_t{config.shared_experts} * config.expert_width, hidden});
  const int64_t keys = (config.layers + config.usable_stages()) * kv_entry_bytes(config);
  // What commit may need of the compressors: as much as their state, for some sequences.
  constexpr int64_t kSequences = 16;
  constexpr int64_t kFloat = sizeof(float);
  return program_memory_bytes(config, rows) + rows * (kFloat * floats + rounded + keys) +
         kSequences * compressor_state_bytes(config) + kSequences * kFloat * config.vocab_size;
}

int64_t int8_weight_bytes(const ModelConfig& config, const CatalogueTotals& totals) {
  return totals.part(Part::kAttention) + totals.part(Part::kSharedExperts) +
         totals.drafter_fp8_bytes + draft_head_bytes(config);
}

}  // namespace hadal
