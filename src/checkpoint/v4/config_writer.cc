#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "checkpoint/v4/config.h"

namespace hadal {
namespace {

// The double nearest to the shortest decimal of a float32, so that 1e-6 is written as such.
double shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text) - 1, value).ptr;
  *end = '\0';
  return std::strtod(text, nullptr);
}

}  // namespace

std::string config_to_json(const ModelConfig& config) {
  std::vector<int> ratios;
  for (const LayerKind kind : config.layer_kinds) ratios.push_back(compress_ratio(kind));
  ratios.insert(ratios.end(), static_cast<size_t>(config.drafter_stages), 0);

  nlohmann::ordered_json json;
  json["architectures"] = {"DeepseekV4ForCausalLM"};
  json["model_type"] = "deepseek_v4";
  json["attention_bias"] = false;
  json["bos_token_id"] = config.bos_token;
  json["compress_ratios"] = ratios;
  json["compress_rope_theta"] = shortest(config.compress_rope_theta);
  if (config.dspark.block_size > 0) {
    json["dspark_block_size"] = config.dspark.block_size;
    json["dspark_markov_rank"] = config.dspark.markov_rank;
    json["dspark_noise_token_id"] = config.dspark.noise_token;
    json["dspark_target_layer_ids"] = config.dspark.taps;
  }
  json["eos_token_id"] = config.eos_token;
  json["expert_dtype"] = "fp4";
  json["hc_eps"] = shortest(config.hc_eps);
  json["hc_mult"] = config.hc_mult;
  json["hc_sinkhorn_iters"] = config.hc_sinkhorn_iters;
  json["head_dim"] = config.head_dim;
  json["hidden_act"] = "silu";
  json["hidden_size"] = config.hidden_size;
  json["index_head_dim"] = config.index_head_dim;
  json["index_n_heads"] = config.index_heads;
  json["index_topk"] = config.index_topk;
  json["max_position_embeddings"] = config.max_positions;
  json["moe_intermediate_size"] = config.expert_width;
  json["n_routed_experts"] = config.routed_experts;
  json["n_shared_experts"] = config.shared_experts;
  json["norm_topk_prob"] = true;
  json["num_attention_heads"] = config.heads;
  json["num_experts_per_tok"] = config.experts_per_token;
  json["num_hash_layers"] = config.hash_layers;
  json["num_hidden_layers"] = config.layers;
  json["num_key_value_heads"] = 1;
  json["num_nextn_predict_layers"] = std::min(config.drafter_stages, 1);
  json["o_groups"] = config.o_groups;
  json["o_lora_rank"] = config.o_lora_rank;
  json["q_lora_rank"] = config.q_lora_rank;
  json["qk_rope_head_dim"] = config.rope_dim;
  json["quantization_config"] = {{"activation_scheme", "dynamic"},
                                 {"fmt", "e4m3"},
                                 {"quant_method", "fp8"},
                                 {"scale_fmt", "ue8m0"},
                                 {"weight_block_size", {kFp8Block, kFp8Block}}};
  json["rms_norm_eps"] = shortest(config.rms_eps);
  if (config.yarn.factor > 1) {
    json["rope_scaling"] = {{"beta_fast", shortest(config.yarn.beta_fast)},
                            {"beta_slow", shortest(config.yarn.beta_slow)},
                            {"factor", shortest(config.yarn.factor)},
                            {"original_max_position_embeddings", config.yarn.original_positions},
                            {"type", "yarn"}};
  }
  json["rope_theta"] = shortest(config.rope_theta);
  json["routed_scaling_factor"] = shortest(config.routed_scaling_factor);
  json["scoring_func"] = "sqrtsoftplus";
  json["sliding_window"] = config.window;
  json["swiglu_limit"] = shortest(config.swiglu_limit);
  json["tie_word_embeddings"] = false;
  json["topk_method"] = "noaux_tc";
  json["torch_dtype"] = "bfloat16";
  json["vocab_size"] = config.vocab_size;
  return json.dump(2) + "\n";
}

}  // namespace hadal
