#include "checkpoint/v4/config_known.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "checkpoint/v4/config.h"

namespace hadal {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::string_view_literals;

struct Setting {
  const char* name;
  Json value;
};

// Settings of which hadal computes one value only.
const std::vector<Setting>& fixed_settings() {
  static const std::vector<Setting> kSettings = {
      {"attention_bias", false},
      {"attention_multiplier", 1},
      {"embedding_multiplier", 1},
      {"expert_dtype", "fp4"},
      {"first_k_dense_replace", 0},
      {"hidden_act", "silu"},
      {"is_causal", true},
      {"logit_scale", 1},
      {"logits_scaling", 1},
      {"mlp_bias", false},
      {"moe_layer_freq", 1},
      {"n_group", 1},
      {"n_shared_experts", 1},
      {"norm_topk_prob", true},
      {"num_key_value_heads", 1},
      {"position_embedding_type", "rope"},
      {"residual_multiplier", 1},
      {"rope_interleave", true},
      {"rope_interleaved", true},
      {"scoring_func", "sqrtsoftplus"},
      {"tie_word_embeddings", false},
      {"topk_group", 1},
      {"topk_method", "noaux_tc"},
      {"use_sliding_window", true},
  };
  return kSettings;
}

// Other programs' names of fields: they must agree.
struct Alias {
  const char* name;
  const char* field;
};
constexpr std::array kAliases = {
    Alias{"num_local_experts", "n_routed_experts"},
    Alias{"num_experts", "n_routed_experts"},
    Alias{"num_shared_experts", "n_shared_experts"},
    Alias{"moe_top_k", "num_experts_per_tok"},
    Alias{"moe_shared_expert_intermediate_size", "moe_intermediate_size"},
    Alias{"shared_expert_intermediate_size", "moe_intermediate_size"},
    Alias{"qk_head_dim", "head_dim"},
    Alias{"v_head_dim", "head_dim"},
    Alias{"window_size", "sliding_window"},
    Alias{"layer_norm_eps", "rms_norm_eps"},
    Alias{"layer_norm_epsilon", "rms_norm_eps"},
    Alias{"layernorm_epsilon", "rms_norm_eps"},
    Alias{"norm_eps", "rms_norm_eps"},
};

// Read by parse_config().
constexpr std::array kRead = {
    "architectures"sv,
    "bos_token_id"sv,
    "compress_rate_csa"sv,
    "compress_rate_hca"sv,
    "compress_rates"sv,
    "compress_ratios"sv,
    "compress_rope_theta"sv,
    "eos_token_id"sv,
    "hc_eps"sv,
    "hc_mult"sv,
    "hc_sinkhorn_iters"sv,
    "head_dim"sv,
    "hidden_size"sv,
    "index_head_dim"sv,
    "index_n_heads"sv,
    "index_topk"sv,
    "layer_types"sv,
    "max_position_embeddings"sv,
    "mlp_layer_types"sv,
    "model_type"sv,
    "moe_intermediate_size"sv,
    "n_routed_experts"sv,
    "num_attention_heads"sv,
    "num_experts_per_tok"sv,
    "num_hash_layers"sv,
    "num_hidden_layers"sv,
    "num_nextn_predict_layers"sv,
    "o_groups"sv,
    "o_lora_rank"sv,
    "original_max_position_embeddings"sv,
    "partial_rotary_factor"sv,
    "q_lora_rank"sv,
    "qk_nope_head_dim"sv,
    "qk_rope_head_dim"sv,
    "quantization_config"sv,
    "rms_norm_eps"sv,
    "rope_parameters"sv,
    "rope_scaling"sv,
    "rope_theta"sv,
    "routed_scaling_factor"sv,
    "sliding_window"sv,
    "swiglu_limit"sv,
    "vocab_size"sv,
    "dspark_block_size"sv,
    "dspark_markov_rank"sv,
    "dspark_noise_token_id"sv,
    "dspark_target_layer_ids"sv,
};

// Without a meaning for inference: training, bookkeeping, defaults of generation that are given
// elsewhere, and the choices of a program.
constexpr std::array kHarmless = {
    "_attn_implementation"sv,
    "_attn_implementation_autoset"sv,
    "_commit_hash"sv,
    "_name_or_path"sv,
    "attention_dropout"sv,
    "attn_implementation"sv,
    "auto_map"sv,
    "aux_loss_alpha"sv,
    "begin_suppress_tokens"sv,
    "bad_words_ids"sv,
    "chunk_size_feed_forward"sv,
    "classifier_dropout"sv,
    "decoder_start_token_id"sv,
    "diversity_penalty"sv,
    "do_sample"sv,
    "dtype"sv,
    "early_stopping"sv,
    "embd_pdrop"sv,
    "encoder_no_repeat_ngram_size"sv,
    "ep_size"sv,
    "exponential_decay_length_penalty"sv,
    "finetuning_task"sv,
    "forced_bos_token_id"sv,
    "forced_eos_token_id"sv,
    "hidden_dropout"sv,
    "id2label"sv,
    "initializer_range"sv,
    "is_decoder"sv,
    "is_encoder_decoder"sv,
    "keys_to_ignore_at_inference"sv,
    "label2id"sv,
    "length_penalty"sv,
    "max_length"sv,
    "min_length"sv,
    "no_repeat_ngram_size"sv,
    "num_beam_groups"sv,
    "num_beams"sv,
    "num_return_sequences"sv,
    "output_attentions"sv,
    "output_hidden_states"sv,
    "output_router_logits"sv,
    "output_scores"sv,
    "pad_token_id"sv,
    "prefix"sv,
    "pretraining_tp"sv,
    "problem_type"sv,
    "pruned_heads"sv,
    "remove_invalid_values"sv,
    "repetition_penalty"sv,
    "resid_pdrop"sv,
    "return_dict"sv,
    "return_dict_in_generate"sv,
    "router_aux_loss_coef"sv,
    "router_jitter_noise"sv,
    "sep_token_id"sv,
    "seq_aux"sv,
    "suppress_tokens"sv,
    "task_specific_params"sv,
    "temperature"sv,
    "tf_legacy_loss"sv,
    "tie_encoder_decoder"sv,
    "tokenizer_class"sv,
    "top_k"sv,
    "top_p"sv,
    "torch_dtype"sv,
    "torchscript"sv,
    "transformers_version"sv,
    "typical_p"sv,
    "unk_token_id"sv,
    "use_bfloat16"sv,
    "use_cache"sv,
};

// An unknown field with one of these in its name asks for arithmetic, unless its value turns it
// off. The name in full, or its beginning or end where the part is marked so with ^ and $.
constexpr std::array kArithmetic = {
    "softcap"sv,    "soft_cap"sv,
    "multiplier"sv, "mscale"sv,
    "scaling"sv,    "_scale$"sv,
    "^scale_"sv,    "^rope"sv,
    "_rope"sv,      "rotary"sv,
    "yarn"sv,       "alibi"sv,
    "_bias$"sv,     "^bias$"sv,
    "^use_bias"sv,  "^add_bias"sv,
    "qk_norm"sv,    "qk_layernorm"sv,
    "norm_type"sv,  "_activation"sv,
    "_act$"sv,      "act_fn"sv,
    "swiglu"sv,     "attention_chunk"sv,
    "quant"sv,      "compression_config"sv,
    "^hc_"sv,       "^index_"sv,
    "^compress_"sv, "sinkhorn"sv,
};

bool matches(std::string_view name, std::string_view part) {
  const bool at_start = part.starts_with('^');
  const bool at_end = part.ends_with('$');
  if (at_start) part.remove_prefix(1);
  if (at_end) part.remove_suffix(1);
  if (at_start && at_end) return name == part;
  if (at_start) return name.starts_with(part);
  if (at_end) return name.ends_with(part);
  return name.find(part) != std::string_view::npos;
}

bool is_arithmetic(std::string_view name) {
  return std::any_of(kArithmetic.begin(), kArithmetic.end(),
                     [&](std::string_view part) { return matches(name, part); });
}

// null, false and empty values say that there is no such thing; 0 as well, save where a factor
// would be 0, and there 1. An activation of hadal's own asks for nothing else.
bool is_off(std::string_view name, const Json& value) {
  if (value.is_null() || value == false || value == "silu" ||
      (value.is_structured() && value.empty()) ||
      (value.is_string() && value.get_ref<const std::string&>().empty())) {
    return true;
  }
  const bool is_factor = name.find("multiplier") != std::string_view::npos ||
                         (name.find("scal") != std::string_view::npos &&
                          name.find("mscale") == std::string_view::npos);
  return value.is_number() && value == (is_factor ? 1 : 0);
}

template <size_t size>
bool is_one_of(const std::array<std::string_view, size>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_fixed(std::string_view name) {
  return std::any_of(fixed_settings().begin(), fixed_settings().end(),
                     [&](const Setting& setting) { return name == setting.name; });
}

bool is_alias(std::string_view name) {
  return std::any_of(kAliases.begin(), kAliases.end(),
                     [&](const Alias& alias) { return name == alias.name; });
}

bool is_known(std::string_view name) {
  return is_one_of(kRead, name) || is_one_of(kHarmless, name) || is_fixed(name) || is_alias(name);
}

void check_quantization(const ConfigFields& fields) {
  if (!fields.has("quantization_config")) return;
  const Json& value = fields.at("quantization_config");
  if (!value.is_object()) fields.refuse("quantization_config", value, "must be an object");
  const ConfigFields quantization(value, "quantization_config", fields.source());
  quantization.only("activation_scheme", "dynamic");
  quantization.only("fmt", "e4m3");
  quantization.only("quant_method", "fp8");
  quantization.only("scale_fmt", "ue8m0");
  quantization.only("weight_block_size", Json::array({kFp8Block, kFp8Block}));
  constexpr std::array kQuantization = {
      "activation_scheme"sv, "fmt"sv, "quant_method"sv, "scale_fmt"sv, "weight_block_size"sv,
      // Which tensors are not quantised; their types in the files show that they are as released.
      "modules_to_not_convert"sv, "ignored_layers"sv, "ignored_modules"sv, "ignore"sv};
  for (const auto& [name, setting] : value.items()) {
    if (is_one_of(kQuantization, name) || is_off("", setting)) continue;
    quantization.refuse(name, setting,
                        "hadal knows no such setting of quantisation (it serves the weights as "
                        "they are released)");
  }
}

void check_alias(const ConfigFields& fields, const Alias& alias) {
  if (!fields.has(alias.name) || !fields.has(alias.field)) return;
  const Json& value = fields.at(alias.name);
  if (value == fields.at(alias.field)) return;
  fields.contradict(std::string(alias.field) + " (" + value_text(fields.at(alias.field)) + ")",
                    std::string(alias.name) + " (" + value_text(value) + ")");
}

}  // namespace

void check_settings(const ConfigFields& fields) {
  // All groups of experts taken is no grouping, whatever their number.
  const bool takes_all_groups = fields.has("n_group") && fields.has("topk_group") &&
                                fields.at("n_group") == fields.at("topk_group");
  for (const Setting& setting : fixed_settings()) {
    const bool is_group = setting.name == "n_group"sv || setting.name == "topk_group"sv;
    if (is_group && takes_all_groups) continue;
    fields.only(setting.name, setting.value);
  }
  for (const Alias& alias : kAliases) check_alias(fields, alias);
  check_quantization(fields);
  for (const auto& [name, value] : fields.json().items()) {
    if (is_known(name) || is_off(name, value) || !is_arithmetic(name)) continue;
    fields.refuse(name, value,
                  "hadal does not compute that (it knows no such field, and its name tells of "
                  "arithmetic)");
  }
}

std::vector<std::string> unknown_fields(const ConfigFields& fields) {
  std::vector<std::string> names;
  for (const auto& [name, value] : fields.json().items()) {
    if (!is_known(name) && !is_off(name, value)) names.push_back(name);
  }
  return names;
}

}  // namespace hadal
