#include "checkpoint/config.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/config_checks.h"
#include "checkpoint/json_text.h"

namespace hadal {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxConfigBytes = 1 << 20;

// A value as it stands in the file, short enough for a message.
std::string value_text(const Json& value) {
  return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 60);
}

// Reads fields of the config with errors that name them.
class Fields {
 public:
  Fields(const Json& json, std::string prefix, const std::string& where)
      : json_(json), prefix_(std::move(prefix)), where_(where) {}

  bool has(const char* name) const {
    const auto found = json_.find(name);
    return found != json_.end() && !found->is_null();
  }

  const Json& at(const char* name) const {
    if (!has(name)) {
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = where_,
                   .what = "has no " + prefix_ + name,
                   .remedy = "use the config.json that came with the weights"});
    }
    return json_[name];
  }

  // An integer; 1e6 and 4.0 count as integers.
  int integer(const char* name) const { return to_integer(name, at(name)); }

  int integer_or(const char* name, int absent) const { return has(name) ? integer(name) : absent; }

  // The first of a list of integers, or the integer itself.
  int first_integer(const char* name) const {
    const Json& value = at(name);
    if (value.is_array() && !value.empty()) return to_integer(name, value.front());
    return to_integer(name, value);
  }

  float number(const char* name) const {
    const Json& value = at(name);
    if (!value.is_number()) refuse(name, value, "must be a number");
    const auto result = static_cast<float>(value.get<double>());
    if (!std::isfinite(result)) refuse(name, value, "must be a finite number");
    return result;
  }

  std::vector<int> integers(const char* name) const {
    const Json& value = at(name);
    constexpr size_t kMaxEntries = 4096;
    if (!value.is_array() || value.size() > kMaxEntries) {
      refuse(name, value, "must be a list of integers");
    }
    std::vector<int> out;
    for (const Json& entry : value) out.push_back(to_integer(name, entry));
    return out;
  }

  // Refuses any value but `expected`; an absent field passes.
  void only(const char* name, const Json& expected) const {
    if (has(name) && json_[name] != expected) {
      refuse(name, json_[name], "must be " + value_text(expected) + " (hadal serves nothing else)");
    }
  }

  [[noreturn]] void refuse(const std::string& name, const Json& value,
                           const std::string& rule) const {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where_,
                 .what = prefix_ + name + " is " + value_text(value) + ", but " + rule,
                 .remedy = "use the config.json that came with the weights"});
  }

 private:
  int to_integer(const char* name, const Json& value) const {
    if (!value.is_number()) refuse(name, value, "must be an integer");
    const auto number = value.get<double>();
    if (!(std::abs(number) <= std::numeric_limits<int>::max()) || number != std::floor(number)) {
      refuse(name, value, "must be an integer below 2^31");
    }
    return static_cast<int>(number);
  }

  const Json& json_;
  std::string prefix_;
  const std::string& where_;
};

// Which model this is; the architecture comes before any number.
void check_architecture(const Fields& fields, const Json& json, const std::string& where) {
  for (const char* name : {"kv_source_layer_ids", "index_source_layer_ids"}) {
    if (fields.has(name)) {
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = where,
                   .what = "describes a DeepSeek V4.1 model (it has " + std::string(name) +
                           "), which is another architecture",
                   .remedy = "use a DeepSeek-V4-Pro or DeepSeek-V4-Flash checkpoint"});
    }
  }
  std::string kind;
  if (fields.has("model_type")) {
    kind = value_text(json["model_type"]);
    if (json["model_type"] == "deepseek_v4") return;
  } else if (fields.has("architectures")) {
    kind = value_text(json["architectures"]);
    if (json["architectures"] == Json::array({"DeepseekV4ForCausalLM"})) return;
  } else {
    kind = "not named (model_type is absent)";
  }
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = where,
               .what = "describes another kind of model: " + kind + ", but must be deepseek_v4",
               .remedy = "use a DeepSeek-V4-Pro or DeepSeek-V4-Flash checkpoint"});
}

// Settings of which hadal computes one value only.
void check_fixed_settings(const Fields& fields, const std::string& where) {
  fields.only("attention_bias", false);
  fields.only("expert_dtype", "fp4");
  fields.only("hidden_act", "silu");
  fields.only("n_shared_experts", 1);
  fields.only("norm_topk_prob", true);
  fields.only("num_key_value_heads", 1);
  fields.only("scoring_func", "sqrtsoftplus");
  fields.only("tie_word_embeddings", false);
  fields.only("topk_method", "noaux_tc");
  if (!fields.has("quantization_config")) return;
  const Json& value = fields.at("quantization_config");
  if (!value.is_object()) fields.refuse("quantization_config", value, "must be an object");
  const Fields quantization(value, "quantization_config.", where);
  quantization.only("activation_scheme", "dynamic");
  quantization.only("fmt", "e4m3");
  quantization.only("quant_method", "fp8");
  quantization.only("scale_fmt", "ue8m0");
  quantization.only("weight_block_size", Json::array({kQuantBlock, kQuantBlock}));
}

YarnScaling parse_yarn(const Fields& fields, const std::string& where) {
  if (!fields.has("rope_scaling")) return {};
  const Json& value = fields.at("rope_scaling");
  if (!value.is_object()) fields.refuse("rope_scaling", value, "must be an object or null");
  const Fields scaling(value, "rope_scaling.", where);
  scaling.only("type", "yarn");
  scaling.only("rope_type", "yarn");
  return {.factor = scaling.number("factor"),
          .original_positions = scaling.integer("original_max_position_embeddings"),
          .beta_fast = scaling.number("beta_fast"),
          .beta_slow = scaling.number("beta_slow")};
}

bool mentions_dspark(const Json& json) {
  return std::any_of(json.items().begin(), json.items().end(),
                     [](const auto& item) { return item.key().find("dspark") != item.key().npos; });
}

// Layer kinds from compress_ratios, whose entries past the layers belong to the drafter.
void parse_layer_kinds(const Fields& fields, const Json& json, ModelConfig& config) {
  const std::vector<int> ratios = fields.integers("compress_ratios");
  if (ratios.size() < static_cast<size_t>(config.layers)) {
    fields.refuse("compress_ratios", json["compress_ratios"],
                  "must have an entry for each of the " + std::to_string(config.layers) +
                      " layers (num_hidden_layers), not " + std::to_string(ratios.size()));
  }
  for (size_t i = 0; i < ratios.size(); ++i) {
    const bool of_drafter = i >= static_cast<size_t>(config.layers);
    if (of_drafter ? ratios[i] != 0
                   : ratios[i] != 0 && ratios[i] != kCsaRatio && ratios[i] != kHcaRatio) {
      fields.refuse("compress_ratios[" + std::to_string(i) + "]", ratios[i],
                    of_drafter ? "must be 0 past the " + std::to_string(config.layers) +
                                     " layers (num_hidden_layers)"
                               : std::string("must be 0, 4 or 128"));
    }
    if (of_drafter) continue;
    config.layer_kinds.push_back(ratios[i] == kCsaRatio   ? LayerKind::kCsa
                                 : ratios[i] == kHcaRatio ? LayerKind::kHca
                                                          : LayerKind::kWindow);
  }

  const int listed = static_cast<int>(ratios.size()) - config.layers;
  const int stages = fields.integer_or("num_nextn_predict_layers", listed);
  constexpr int kMaxStages = 16;
  if (stages < 0 || stages > kMaxStages) {
    fields.refuse("num_nextn_predict_layers", stages, "must be 0 to 16");
  }
  if (listed > kMaxStages) {
    fields.refuse("compress_ratios", json["compress_ratios"],
                  "must have an entry for each of the " + std::to_string(config.layers) +
                      " layers (num_hidden_layers) and up to 16 for the drafter");
  }
  config.drafter_stages = std::max(stages, stages == 0 ? 0 : listed);
  if (mentions_dspark(json) || config.drafter_stages > 1) {
    config.drafter = DrafterKind::kDspark;
    constexpr int kDsparkStages = 3;
    if (config.drafter_stages <= 1) config.drafter_stages = kDsparkStages;
  } else if (config.drafter_stages == 1) {
    config.drafter = DrafterKind::kMtp;
  }
}

}  // namespace

int ModelConfig::count(LayerKind kind) const {
  return static_cast<int>(std::count(layer_kinds.begin(), layer_kinds.end(), kind));
}

int compress_ratio(LayerKind kind) {
  switch (kind) {
    case LayerKind::kWindow:
      return 0;
    case LayerKind::kCsa:
      return kCsaRatio;
    case LayerKind::kHca:
      return kHcaRatio;
  }
  return 0;
}

ModelConfig parse_config(std::string_view json_text, const std::string& where) {
  const Json json = parse_json_text(json_text, where);
  if (!json.is_object()) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "is not a JSON object",
                 .remedy = "use the config.json that came with the weights"});
  }
  const Fields fields(json, "", where);
  check_architecture(fields, json, where);
  check_fixed_settings(fields, where);

  ModelConfig config{.layers = fields.integer("num_hidden_layers"),
                     .hidden_size = fields.integer("hidden_size"),
                     .vocab_size = fields.integer("vocab_size"),
                     .max_positions = fields.integer("max_position_embeddings"),
                     .bos_token = fields.first_integer("bos_token_id"),
                     .eos_token = fields.first_integer("eos_token_id"),
                     .heads = fields.integer("num_attention_heads"),
                     .head_dim = fields.integer("head_dim"),
                     .rope_dim = fields.integer("qk_rope_head_dim"),
                     .q_lora_rank = fields.integer("q_lora_rank"),
                     .o_groups = fields.integer("o_groups"),
                     .o_lora_rank = fields.integer("o_lora_rank"),
                     .window = fields.integer("sliding_window"),
                     .index_heads = fields.integer("index_n_heads"),
                     .index_head_dim = fields.integer("index_head_dim"),
                     .index_topk = fields.integer("index_topk"),
                     .routed_experts = fields.integer("n_routed_experts"),
                     .shared_experts = fields.integer_or("n_shared_experts", 1),
                     .experts_per_token = fields.integer("num_experts_per_tok"),
                     .expert_width = fields.integer("moe_intermediate_size"),
                     .hash_layers = fields.integer("num_hash_layers"),
                     .routed_scaling_factor = fields.number("routed_scaling_factor"),
                     .swiglu_limit = fields.number("swiglu_limit"),
                     .hc_mult = fields.integer("hc_mult"),
                     .hc_sinkhorn_iters = fields.integer("hc_sinkhorn_iters"),
                     .hc_eps = fields.number("hc_eps"),
                     .rms_eps = fields.number("rms_norm_eps"),
                     .rope_theta = fields.number("rope_theta"),
                     .compress_rope_theta = fields.number("compress_rope_theta"),
                     .yarn = parse_yarn(fields, where),
                     .layer_kinds = {}};
  check_config_sizes(config, where);
  parse_layer_kinds(fields, json, config);
  return config;
}

std::string read_config_text(const std::filesystem::path& model_dir) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(model_dir, ignored)) {
    const bool exists = std::filesystem::exists(model_dir, ignored);
    throw Error({.code = exists ? ErrorCode::kInvalidFile : ErrorCode::kNotFound,
                 .where = model_dir.string(),
                 .what = exists ? "is not a directory" : "does not exist",
                 .remedy = "name the directory of a model (with config.json and *.safetensors)"});
  }
  const std::filesystem::path path = model_dir / "config.json";
  if (!std::filesystem::exists(path, ignored)) {
    throw Error({.code = ErrorCode::kNotFound,
                 .where = model_dir.string(),
                 .what = "holds no model: it has no config.json",
                 .remedy = "name the directory of a model (with config.json and *.safetensors)"});
  }
  return read_text_file(path, kMaxConfigBytes);
}

ModelConfig load_config(const std::filesystem::path& model_dir) {
  return parse_config(read_config_text(model_dir), (model_dir / "config.json").string());
}

}  // namespace hadal
