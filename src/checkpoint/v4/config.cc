#include "checkpoint/v4/config.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <nlohmann/json.hpp>

#include "base/downloads.h"
#include "base/error.h"
#include "base/input_file.h"
#include "checkpoint/model_directory.h"
#include "checkpoint/v4/config_checks.h"
#include "checkpoint/v4/config_fields.h"
#include "checkpoint/v4/config_known.h"
#include "checkpoint/v4/config_rope.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxConfigBytes = 1 << 20;

// Which model this is; the architecture comes before any number.
void check_architecture(const ConfigFields& fields, const Json& json, const std::string& where) {
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

// The kind of each layer as newer programs write it; nothing where the config does not say.
std::vector<LayerKind> parse_layer_types(const ConfigFields& fields) {
  std::vector<LayerKind> kinds;
  if (!fields.has("layer_types")) return kinds;
  for (const std::string& type : fields.strings("layer_types")) {
    if (type == "sliding_attention") {
      kinds.push_back(LayerKind::kWindow);
    } else if (type == "compressed_sparse_attention") {
      kinds.push_back(LayerKind::kCsa);
    } else if (type == "heavily_compressed_attention") {
      kinds.push_back(LayerKind::kHca);
    } else {
      fields.refuse("layer_types", type,
                    "must be sliding_attention, compressed_sparse_attention or "
                    "heavily_compressed_attention");
    }
  }
  return kinds;
}

// The ratios of compression as newer programs write them; hadal computes one of each kind.
void check_compress_rates(const ConfigFields& fields) {
  fields.only("compress_rate_csa", kCsaRatio);
  fields.only("compress_rate_hca", kHcaRatio);
  if (!fields.has("compress_rates")) return;
  const Json& value = fields.at("compress_rates");
  if (!value.is_object()) fields.refuse("compress_rates", value, "must be an object");
  const ConfigFields rates(value, "compress_rates", fields.source());
  rates.only("compressed_sparse_attention", kCsaRatio);
  rates.only("heavily_compressed_attention", kHcaRatio);
}

// The number of layers that are routed by token id: num_hash_layers, or the first entries of
// mlp_layer_types.
int parse_hash_layers(const ConfigFields& fields, int layers) {
  if (!fields.has("mlp_layer_types")) return fields.integer("num_hash_layers");
  const std::vector<std::string> types = fields.strings("mlp_layer_types");
  const Json& value = fields.at("mlp_layer_types");
  if (static_cast<int>(types.size()) != layers) {
    fields.refuse("mlp_layer_types", value,
                  "must have an entry for each of the " + std::to_string(layers) +
                      " layers (num_hidden_layers)");
  }
  const auto first_other =
      std::find_if(types.begin(), types.end(), [](const auto& type) { return type != "hash_moe"; });
  if (std::any_of(first_other, types.end(), [](const auto& type) { return type != "moe"; })) {
    fields.refuse("mlp_layer_types", value, "must be hash_moe for the first layers, then moe");
  }
  const int hashed = static_cast<int>(first_other - types.begin());
  if (fields.has("num_hash_layers") && fields.integer("num_hash_layers") != hashed) {
    fields.contradict("num_hash_layers (" + value_text(fields.at("num_hash_layers")) + ")",
                      "mlp_layer_types (" + std::to_string(hashed) + " times hash_moe)");
  }
  return hashed;
}

// The rotated part of a head: qk_rope_head_dim, or head_dim times partial_rotary_factor.
int parse_rope_dim(const ConfigFields& fields, int head_dim) {
  if (!fields.has("partial_rotary_factor")) return fields.integer("qk_rope_head_dim");
  const double product = double{fields.number("partial_rotary_factor")} * head_dim;
  const double rounded = std::round(product);
  constexpr double kRounding = 1e-3;
  if (std::abs(product - rounded) > kRounding || rounded < 1 || rounded > head_dim) {
    fields.refuse("partial_rotary_factor", fields.at("partial_rotary_factor"),
                  "must make a whole number of head_dim " + std::to_string(head_dim));
  }
  const int rope_dim = static_cast<int>(rounded);
  if (fields.has("qk_rope_head_dim") && fields.integer("qk_rope_head_dim") != rope_dim) {
    fields.contradict("qk_rope_head_dim (" + value_text(fields.at("qk_rope_head_dim")) + ")",
                      "partial_rotary_factor (" + value_text(fields.at("partial_rotary_factor")) +
                          " of head_dim " + std::to_string(head_dim) + ")");
  }
  return rope_dim;
}

void check_nope_dim(const ConfigFields& fields, const ModelConfig& config) {
  if (!fields.has("qk_nope_head_dim")) return;
  if (fields.integer("qk_nope_head_dim") == config.nope_dim()) return;
  fields.contradict("head_dim (" + std::to_string(config.head_dim) + ") less qk_rope_head_dim (" +
                        std::to_string(config.rope_dim) + ")",
                    "qk_nope_head_dim (" + value_text(fields.at("qk_nope_head_dim")) + ")");
}

// Of a DSpark drafter, where the config describes one.
void parse_dspark(const ConfigFields& fields, ModelConfig& config) {
  constexpr const char* kBlock = "dspark_block_size";
  constexpr const char* kNoise = "dspark_noise_token_id";
  constexpr const char* kTaps = "dspark_target_layer_ids";
  constexpr const char* kRank = "dspark_markov_rank";
  if (!fields.has(kBlock)) return;
  constexpr int kMaxBlock = 16;
  constexpr int kMaxRank = 1 << 16;
  DsparkConfig& dspark = config.dspark;
  const int block = fields.integer(kBlock);
  if (block < 1 || block > std::min(kMaxBlock, config.window)) {
    fields.refuse(kBlock, block,
                  "must be 1 to " + std::to_string(std::min(kMaxBlock, config.window)) +
                      ", at most sliding_window");
  }
  dspark.noise_token = fields.integer(kNoise);
  if (dspark.noise_token < 0 || dspark.noise_token >= config.vocab_size) {
    fields.refuse(kNoise, dspark.noise_token,
                  "must be below vocab_size " + std::to_string(config.vocab_size));
  }
  dspark.taps = fields.integers(kTaps);
  std::sort(dspark.taps.begin(), dspark.taps.end());
  const bool sound =
      !dspark.taps.empty() && dspark.taps.front() >= 0 && dspark.taps.back() < config.layers &&
      std::adjacent_find(dspark.taps.begin(), dspark.taps.end()) == dspark.taps.end();
  if (!sound) {
    fields.refuse(
        kTaps, fields.at(kTaps),
        "must be different layers below num_hidden_layers " + std::to_string(config.layers));
  }
  dspark.markov_rank = fields.integer(kRank);
  if (dspark.markov_rank < 1 || dspark.markov_rank > kMaxRank) {
    fields.refuse(kRank, dspark.markov_rank, "must be 1 to " + std::to_string(kMaxRank));
  }
  dspark.block_size = block;
}

bool mentions_dspark(const Json& json) {
  return std::any_of(json.items().begin(), json.items().end(),
                     [](const auto& item) { return item.key().find("dspark") != item.key().npos; });
}

// Layer kinds from compress_ratios, whose entries past the layers belong to the drafter, or from
// layer_types.
void parse_layer_kinds(const ConfigFields& fields, const Json& json, ModelConfig& config) {
  check_compress_rates(fields);
  const std::vector<LayerKind> types = parse_layer_types(fields);
  std::vector<int> ratios;
  if (fields.has("compress_ratios") || types.empty()) {
    ratios = fields.integers("compress_ratios");
  } else {
    std::transform(types.begin(), types.end(), std::back_inserter(ratios), compress_ratio);
  }
  if (!types.empty() && types.size() != static_cast<size_t>(config.layers)) {
    fields.refuse("layer_types", json["layer_types"],
                  "must have an entry for each of the " + std::to_string(config.layers) +
                      " layers (num_hidden_layers), not " + std::to_string(types.size()));
  }
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

  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i] == config.layer_kinds[i]) continue;
    const std::string layer = "[" + std::to_string(i) + "]";
    fields.contradict("compress_ratios" + layer + " (" + std::to_string(ratios[i]) + ")",
                      "layer_types" + layer + " (" + value_text(json["layer_types"][i]) + ")");
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
  if (stages == 0) return;
  if (mentions_dspark(json) || config.drafter_stages > 1) {
    config.drafter = DrafterKind::kDspark;
    parse_dspark(fields, config);
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
  const Json json = parse_json_file_text(json_text, where);
  const FieldsSource source = config_source(where);
  const ConfigFields fields(json, "", source);
  check_architecture(fields, json, where);
  check_settings(fields);

  const int layers = fields.integer("num_hidden_layers");
  const int head_dim = fields.integer("head_dim");
  const int rope_dim = parse_rope_dim(fields, head_dim);
  const RopeConfig rope = parse_rope(fields, double(rope_dim) / head_dim);
  ModelConfig config{.layers = layers,
                     .hidden_size = fields.integer("hidden_size"),
                     .vocab_size = fields.integer("vocab_size"),
                     .max_positions = fields.integer("max_position_embeddings"),
                     .bos_token = fields.first_integer("bos_token_id"),
                     .eos_token = fields.first_integer("eos_token_id"),
                     .heads = fields.integer("num_attention_heads"),
                     .head_dim = head_dim,
                     .rope_dim = rope_dim,
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
                     .hash_layers = parse_hash_layers(fields, layers),
                     .routed_scaling_factor = fields.number("routed_scaling_factor"),
                     .swiglu_limit = fields.number("swiglu_limit"),
                     .hc_mult = fields.integer("hc_mult"),
                     .hc_sinkhorn_iters = fields.integer("hc_sinkhorn_iters"),
                     .hc_eps = fields.number("hc_eps"),
                     .rms_eps = fields.number("rms_norm_eps"),
                     .rope_theta = rope.theta,
                     .compress_rope_theta = rope.compress_theta,
                     .yarn = rope.yarn,
                     .layer_kinds = {},
                     .unknown_fields = unknown_fields(fields)};
  check_config_sizes(config, where);
  check_nope_dim(fields, config);
  parse_layer_kinds(fields, json, config);
  return config;
}

std::string read_config_text(const std::filesystem::path& model_dir) {
  const std::filesystem::path path = model_dir / "config.json";
  if (!has_entry(path)) {
    const std::string remains = unfinished_download_of(path);
    throw Error({.code = ErrorCode::kNotFound,
                 .where = model_dir.string(),
                 .what = "holds no model: it has no config.json" +
                         (remains.empty() ? "" : ", but " + printable(remains)),
                 .remedy = "name the directory of a model (with config.json and *.safetensors)"});
  }
  return read_json_file(path, kMaxConfigBytes);
}

ModelConfig load_config(const std::filesystem::path& path) {
  const std::filesystem::path model_dir = resolve_model_directory(path);
  return parse_config(read_config_text(model_dir), (model_dir / "config.json").string());
}

}  // namespace hadal
