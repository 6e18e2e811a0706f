#include "checkpoint/v4/config_checks.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/error.h"

namespace hadal {
namespace {

constexpr int kMaxPositions = 1 << 24;  // positions are exact in float32 up to here

class Checker {
 public:
  explicit Checker(const std::string& where) : where_(where) {}

  // `note` names the field that the bound comes from; empty for a bound of hadal's own.
  void range(const char* field, int value, int low, int high, const std::string& note = "") const {
    if (value < low || value > high) {
      refuse(field, value, fmt::format("{} to {}{}", low, high, note.empty() ? "" : ", " + note));
    }
  }

  void multiple(const char* field, int value, int divisor, const std::string& why) const {
    if (value % divisor != 0) {
      refuse(field, value, fmt::format("a multiple of {} ({})", divisor, why));
    }
  }

  // Above `low`, or from it on with `inclusive`.
  void at_least(const char* field, float value, float low, bool inclusive) const {
    if (!std::isfinite(value) || value < low || (value == low && !inclusive)) {
      refuse(field, value, fmt::format("{} {}", inclusive ? "at least" : "more than", low));
    }
  }

  void below(const char* field, float value, float high) const {
    if (!(value < high)) refuse(field, value, fmt::format("less than {}", high));
  }

  template <typename Value>
  [[noreturn]] void refuse(const char* field, Value value, const std::string& rule) const {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where_,
                 .what = fmt::format("{} is {}, but must be {}", field, value, rule),
                 .remedy = "use the config.json that came with the weights"});
  }

 private:
  const std::string& where_;
};

void check_backbone(const ModelConfig& c, const Checker& check) {
  constexpr int kMaxVocab = 1 << 22;
  constexpr int kMaxWidth = 1 << 16;
  constexpr int kMaxStreams = 8;
  check.range("num_hidden_layers", c.layers, 1, 1024);
  check.range("hidden_size", c.hidden_size, kFp4Block, kMaxWidth);
  check.multiple("hidden_size", c.hidden_size, kFp4Block, "the block of FP4 weights");
  check.range("vocab_size", c.vocab_size, 1, kMaxVocab);
  check.range("max_position_embeddings", c.max_positions, 1, kMaxPositions);
  check.range("bos_token_id", c.bos_token, 0, c.vocab_size - 1, "below vocab_size");
  check.range("eos_token_id", c.eos_token, 0, c.vocab_size - 1, "below vocab_size");
  check.range("hc_mult", c.hc_mult, 1, kMaxStreams);
  check.range("hc_sinkhorn_iters", c.hc_sinkhorn_iters, 1, 1000);
  check.at_least("hc_eps", c.hc_eps, 0, true);
  check.below("hc_eps", c.hc_eps, 1);
  check.at_least("rms_norm_eps", c.rms_eps, 0, false);
  check.below("rms_norm_eps", c.rms_eps, 1);
}

void check_attention(const ModelConfig& c, const Checker& check) {
  constexpr int kMaxHeads = 1024;
  constexpr int kMaxHeadDim = 4096;
  constexpr int kMaxRank = 1 << 16;
  check.range("num_attention_heads", c.heads, 1, kMaxHeads);
  check.range("head_dim", c.head_dim, 1, kMaxHeadDim);
  check.range("qk_rope_head_dim", c.rope_dim, 2, c.head_dim, "at most head_dim");
  check.multiple("qk_rope_head_dim", c.rope_dim, 2, "pairs are rotated");
  if (c.nope_dim() < kKvScaleBlock || c.nope_dim() % kKvScaleBlock != 0) {
    check.refuse(
        "head_dim", c.head_dim,
        fmt::format("qk_rope_head_dim {} plus a multiple of {} (cached keys have one scale "
                    "per {} values)",
                    c.rope_dim, kKvScaleBlock, kKvScaleBlock));
  }
  check.range("q_lora_rank", c.q_lora_rank, 1, kMaxRank);
  check.range("o_groups", c.o_groups, 1, c.heads, "at most num_attention_heads");
  if (c.heads % c.o_groups != 0) {
    check.refuse("o_groups", c.o_groups,
                 fmt::format("a divisor of num_attention_heads {}", c.heads));
  }
  check.range("o_lora_rank", c.o_lora_rank, 1, kMaxRank);
  check.range("sliding_window", c.window, 1, kMaxRank);

  constexpr int kMaxIndexDim = 1024;
  constexpr int kMaxTopk = 1 << 20;
  check.range("index_n_heads", c.index_heads, 1, kMaxHeads);
  check.range("index_head_dim", c.index_head_dim, kFp4Block, kMaxIndexDim);
  if ((c.index_head_dim & (c.index_head_dim - 1)) != 0) {
    check.refuse("index_head_dim", c.index_head_dim, "a power of two (a Hadamard transform)");
  }
  if (c.rope_dim > c.index_head_dim) {
    check.refuse("qk_rope_head_dim", c.rope_dim,
                 fmt::format("at most index_head_dim {}", c.index_head_dim));
  }
  check.range("index_topk", c.index_topk, 1, kMaxTopk);
}

void check_rope(const ModelConfig& c, const Checker& check) {
  constexpr float kMaxTheta = 1e12F;
  check.at_least("rope_theta", c.rope_theta, 1, false);
  check.below("rope_theta", c.rope_theta, kMaxTheta);
  check.at_least("compress_rope_theta", c.compress_rope_theta, 1, false);
  check.below("compress_rope_theta", c.compress_rope_theta, kMaxTheta);
  check.at_least("rope_scaling.factor", c.yarn.factor, 1, true);
  check.below("rope_scaling.factor", c.yarn.factor, 1e6F);
  if (c.yarn.factor > 1) {
    check.range("rope_scaling.original_max_position_embeddings", c.yarn.original_positions, 1,
                kMaxPositions);
  }
  check.at_least("rope_scaling.beta_slow", c.yarn.beta_slow, 0, false);
  check.at_least("rope_scaling.beta_fast", c.yarn.beta_fast, c.yarn.beta_slow, false);
  check.below("rope_scaling.beta_fast", c.yarn.beta_fast, 1e6F);
}

void check_experts(const ModelConfig& c, const Checker& check) {
  constexpr int kMaxExperts = 4096;
  constexpr int kMaxExpertsPerToken = 64;
  constexpr int kMaxWidth = 1 << 16;
  // Bounds the list of tensors: 6 for each expert of each layer. Pro has 62 · 384 = 23,808.
  constexpr int64_t kMaxExpertsTotal = 1 << 17;
  check.range("n_routed_experts", c.routed_experts, 1, kMaxExperts);
  if (int64_t{c.layers} * c.routed_experts > kMaxExpertsTotal) {
    check.refuse(
        "n_routed_experts", c.routed_experts,
        fmt::format("at most {} with num_hidden_layers {}", kMaxExpertsTotal / c.layers, c.layers));
  }
  check.range("n_shared_experts", c.shared_experts, 1, 1);
  check.range("num_experts_per_tok", c.experts_per_token, 1,
              std::min(c.routed_experts, kMaxExpertsPerToken), "at most n_routed_experts");
  check.range("moe_intermediate_size", c.expert_width, kFp4Block, kMaxWidth);
  check.multiple("moe_intermediate_size", c.expert_width, kFp4Block, "the block of FP4 weights");
  check.range("num_hash_layers", c.hash_layers, 0, c.layers, "at most num_hidden_layers");
  check.at_least("routed_scaling_factor", c.routed_scaling_factor, 0, false);
  check.below("routed_scaling_factor", c.routed_scaling_factor, 1e6F);
  check.at_least("swiglu_limit", c.swiglu_limit, 0, true);
  check.below("swiglu_limit", c.swiglu_limit, 1e6F);
}

}  // namespace

void check_config_sizes(const ModelConfig& config, const std::string& where) {
  const Checker check(where);
  check_backbone(config, check);
  check_attention(config, check);
  check_rope(config, check);
  check_experts(config, check);
}

}  // namespace hadal
