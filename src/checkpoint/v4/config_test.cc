#include "checkpoint/v4/config.h"

#include <functional>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/v4/config_presets.h"
#include "support/released_configs.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

using Json = nlohmann::json;

using test::flash_config;
using test::golden_data;

std::string config_refusal(const std::string& text) {
  try {
    parse_config(text, "config.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
    EXPECT_TRUE(std::string(error.what()).starts_with("config.json: ")) << error.what();
    return error.what();
  }
  return "";
}

TEST(Config, ReadsTheReleasedModels) {
  for (const char* name : {"flash", "pro"}) {
    const ModelConfig config = load_config(golden_data() / "config" / name);
    EXPECT_EQ(config_to_json(config), config_to_json(preset_config(name))) << name;
  }
  const ModelConfig pro = load_config(golden_data() / "config/pro");
  EXPECT_EQ(pro.hidden_size, 7168);
  EXPECT_EQ(pro.count(LayerKind::kWindow), 0);
  EXPECT_EQ(pro.count(LayerKind::kCsa), 30);
  EXPECT_EQ(pro.count(LayerKind::kHca), 31);
  EXPECT_EQ(pro.layer_kinds.back(), LayerKind::kCsa);
  EXPECT_EQ(pro.drafter, DrafterKind::kMtp);
  EXPECT_EQ(pro.yarn.original_positions, 65536);
  EXPECT_FLOAT_EQ(pro.hc_eps, 1e-6F);
  const ModelConfig flash = load_config(golden_data() / "config/flash");
  EXPECT_EQ(flash.count(LayerKind::kWindow), 2);
  EXPECT_EQ(flash.count(LayerKind::kCsa), 21);
  EXPECT_EQ(flash.count(LayerKind::kHca), 20);
  EXPECT_EQ(flash.nope_dim(), 448);
  EXPECT_EQ(flash.heads_per_group(), 8);
}

TEST(Config, ReadsSmallerModels) {
  EXPECT_EQ(load_config(golden_data() / "model/pico/model").layers, 5);
  EXPECT_EQ(load_config(golden_data() / "model/pico-flash/model").swiglu_limit, 1);
  EXPECT_EQ(load_config(test::source_path("models/nano")).window, 64);
}

TEST(Config, SurvivesBeingWrittenAndRead) {
  for (const std::string& name : preset_names()) {
    const std::string text = config_to_json(preset_config(name));
    EXPECT_EQ(config_to_json(parse_config(text, "config.json")), text) << name;
  }
  EXPECT_THROW(preset_config("medium"), Error);
}

TEST(Config, TakesIntegersWrittenAsFloats) {
  Json json = flash_config();
  json["hidden_size"] = 4096.0;
  json["rope_theta"] = 1e4;
  EXPECT_EQ(parse_config(json.dump(), "config.json").hidden_size, 4096);
}

struct Contradiction {
  const char* field;  // a JSON pointer
  Json value;
  const char* message;  // a part of the refusal
};

// One field at a time is made wrong in a config that is right.
TEST(Config, NamesEveryFieldThatContradicts) {
  const std::vector<Contradiction> cases = {
      {"/num_hidden_layers", 0, "num_hidden_layers is 0, but must be 1 to 1024"},
      {"/num_hidden_layers", 42, "compress_ratios[42] is 4, but must be 0 past the 42 layers"},
      {"/num_hidden_layers", 45, "compress_ratios"},
      {"/num_hidden_layers", -1, "num_hidden_layers is -1"},
      {"/num_hidden_layers", 4294967297, "num_hidden_layers is 4294967297"},
      {"/num_hidden_layers", 43.5, "num_hidden_layers is 43.5, but must be an integer"},
      {"/num_hidden_layers", "43", "num_hidden_layers is \"43\", but must be an integer"},
      {"/hidden_size", 4100, "hidden_size is 4100, but must be a multiple of 32"},
      {"/hidden_size", 1 << 20, "hidden_size"},
      {"/vocab_size", 0, "vocab_size"},
      {"/vocab_size", 2147483647, "vocab_size"},
      {"/bos_token_id", 129280, "bos_token_id is 129280, but must be 0 to 129279"},
      {"/eos_token_id", -1, "eos_token_id"},
      {"/max_position_embeddings", 0, "max_position_embeddings"},
      {"/num_attention_heads", 0, "num_attention_heads"},
      {"/head_dim", 500, "head_dim is 500, but must be qk_rope_head_dim 64 plus a multiple of 64"},
      {"/head_dim", 64, "head_dim"},
      {"/head_dim", 32, "qk_rope_head_dim is 64, but must be 2 to 32, at most head_dim"},
      {"/qk_rope_head_dim", 63, "qk_rope_head_dim is 63, but must be a multiple of 2"},
      {"/qk_rope_head_dim", 192, "qk_rope_head_dim is 192, but must be at most index_head_dim 128"},
      {"/q_lora_rank", 0, "q_lora_rank"},
      {"/o_groups", 7, "o_groups is 7, but must be a divisor of num_attention_heads 64"},
      {"/o_groups", 0, "o_groups"},
      {"/o_lora_rank", 0, "o_lora_rank"},
      {"/sliding_window", 0, "sliding_window"},
      {"/index_n_heads", 0, "index_n_heads"},
      {"/index_head_dim", 96, "index_head_dim is 96, but must be a power of two"},
      {"/index_head_dim", 16, "index_head_dim"},
      {"/index_topk", 0, "index_topk"},
      {"/n_routed_experts", 0, "n_routed_experts"},
      {"/n_routed_experts", 4096, "n_routed_experts is 4096, but must be at most 3048"},
      {"/n_routed_experts", 5, "num_experts_per_tok is 6, but must be 1 to 5"},
      {"/num_experts_per_tok", 65, "num_experts_per_tok is 65, but must be 1 to 64"},
      {"/n_shared_experts", 2, "n_shared_experts is 2, but must be 1"},
      {"/moe_intermediate_size", 2040, "moe_intermediate_size"},
      {"/num_hash_layers", 44, "num_hash_layers is 44, but must be 0 to 43"},
      {"/routed_scaling_factor", 0, "routed_scaling_factor"},
      {"/swiglu_limit", -1, "swiglu_limit"},
      {"/hc_mult", 9, "hc_mult is 9, but must be 1 to 8"},
      {"/hc_sinkhorn_iters", 0, "hc_sinkhorn_iters"},
      {"/hc_eps", 1, "hc_eps"},
      {"/rms_norm_eps", 0, "rms_norm_eps is 0, but must be more than 0"},
      {"/rope_theta", 1, "rope_theta is 1, but must be more than 1"},
      {"/compress_rope_theta", 1e300, "compress_rope_theta"},
      {"/rope_scaling/factor", 0.5, "rope_scaling.factor is 0.5, but must be at least 1"},
      {"/rope_scaling/type", "linear", "rope_scaling.type is \"linear\", but must be \"yarn\""},
      {"/rope_scaling/beta_fast", 1, "rope_scaling.beta_fast is 1, but must be more than 1"},
      {"/rope_scaling/original_max_position_embeddings", 0, "original_max_position_embeddings"},
      {"/rope_scaling", 16, "rope_scaling is 16, but must be an object"},
      {"/compress_ratios/2", 2, "compress_ratios[2] is 2, but must be 0, 4 or 128"},
      {"/compress_ratios/43", 4, "compress_ratios[43] is 4, but must be 0 past the 43 layers"},
      {"/compress_ratios", "4", "compress_ratios is \"4\", but must be a list of integers"},
      {"/compress_ratios", Json::array({0, 4}), "an entry for each of the 43 layers"},
      {"/num_nextn_predict_layers", 17, "num_nextn_predict_layers"},
      {"/scoring_func", "softmax", "scoring_func is \"softmax\", but must be \"sqrtsoftplus\""},
      {"/norm_topk_prob", false, "norm_topk_prob"},
      {"/hidden_act", "gelu", "hidden_act"},
      {"/attention_bias", true, "attention_bias"},
      {"/tie_word_embeddings", true, "tie_word_embeddings"},
      {"/num_key_value_heads", 8, "num_key_value_heads"},
      {"/topk_method", "greedy", "topk_method"},
      {"/expert_dtype", "fp8", "expert_dtype is \"fp8\", but must be \"fp4\""},
      {"/quantization_config/weight_block_size", Json::array({32, 32}),
       "quantization_config.weight_block_size is [32, 32], but must be [128, 128]"},
      {"/quantization_config/quant_method", "gptq", "quantization_config.quant_method"},
      {"/quantization_config/scale_fmt", "float", "quantization_config.scale_fmt"},
      {"/quantization_config", "fp8", "quantization_config"},
      {"/model_type", "deepseek_v3", "another kind of model: \"deepseek_v3\""},
  };
  for (const Contradiction& c : cases) {
    Json json = flash_config();
    json[Json::json_pointer(c.field)] = c.value;
    const std::string line = config_refusal(json.dump());
    EXPECT_NE(line.find(c.message), std::string::npos)
        << c.field << " = " << c.value << " gave: " << line;
  }
}

TEST(Config, NamesTheFieldThatIsAbsent) {
  for (const char* field : {"num_hidden_layers",
                            "hidden_size",
                            "vocab_size",
                            "max_position_embeddings",
                            "bos_token_id",
                            "eos_token_id",
                            "num_attention_heads",
                            "head_dim",
                            "qk_rope_head_dim",
                            "q_lora_rank",
                            "o_groups",
                            "o_lora_rank",
                            "sliding_window",
                            "index_n_heads",
                            "index_head_dim",
                            "index_topk",
                            "n_routed_experts",
                            "num_experts_per_tok",
                            "moe_intermediate_size",
                            "num_hash_layers",
                            "routed_scaling_factor",
                            "swiglu_limit",
                            "hc_mult",
                            "hc_sinkhorn_iters",
                            "hc_eps",
                            "rms_norm_eps",
                            "rope_theta",
                            "compress_rope_theta",
                            "compress_ratios"}) {
    Json json = flash_config();
    json.erase(field);
    EXPECT_NE(config_refusal(json.dump()).find(std::string(field) + " is missing"),
              std::string::npos)
        << field;
    json[field] = nullptr;
    EXPECT_NE(config_refusal(json.dump()).find(std::string(field) + " is missing"),
              std::string::npos)
        << field;
  }
}

TEST(Config, RecognisesTheDrafter) {
  Json json = flash_config();
  json.erase("num_nextn_predict_layers");
  EXPECT_EQ(parse_config(json.dump(), "c").drafter, DrafterKind::kMtp);
  json["num_nextn_predict_layers"] = 0;
  EXPECT_EQ(parse_config(json.dump(), "c").drafter, DrafterKind::kNone);
  json["num_nextn_predict_layers"] = 1;
  json["dspark_noise_token_id"] = 5;
  EXPECT_EQ(parse_config(json.dump(), "c").drafter, DrafterKind::kDspark);
  EXPECT_EQ(parse_config(json.dump(), "c").drafter_stages, 3);
  EXPECT_EQ(parse_config(json.dump(), "c").usable_stages(), 0);
  json.erase("dspark_noise_token_id");
  json["compress_ratios"].push_back(0);
  json["compress_ratios"].push_back(0);
  EXPECT_EQ(parse_config(json.dump(), "c").drafter, DrafterKind::kDspark);
}

TEST(Config, ReadsABlockDrafter) {
  Json json = flash_config();
  json["dspark_block_size"] = 5;
  json["dspark_noise_token_id"] = 128799;
  json["dspark_target_layer_ids"] = {42, 40, 41};
  json["dspark_markov_rank"] = 256;
  json["compress_ratios"].push_back(0);
  json["compress_ratios"].push_back(0);
  const ModelConfig config = parse_config(json.dump(), "c");
  EXPECT_EQ(config.usable_stages(), 3);
  EXPECT_EQ(config.dspark,
            (DsparkConfig{
                .block_size = 5, .noise_token = 128799, .taps = {40, 41, 42}, .markov_rank = 256}));
  const ModelConfig again = parse_config(config_to_json(config), "c");
  EXPECT_EQ(again.dspark, config.dspark);
  EXPECT_EQ(again.drafter_stages, 3);
  json["num_nextn_predict_layers"] = 0;
  EXPECT_EQ(parse_config(json.dump(), "c").drafter, DrafterKind::kNone);
  json["num_nextn_predict_layers"] = 1;

  const auto line_with = [&](const char* field, const Json& value) {
    Json changed = json;
    changed[field] = value;
    return config_refusal(changed.dump());
  };
  EXPECT_NE(line_with("dspark_block_size", 0).find("dspark_block_size"), std::string::npos);
  EXPECT_NE(line_with("dspark_block_size", 129).find("sliding_window"), std::string::npos);
  EXPECT_NE(line_with("dspark_noise_token_id", 129280).find("below vocab_size 129280"),
            std::string::npos);
  for (const Json& taps : {Json{40, 41, 43}, Json{-1, 2}, Json{3, 3}, Json::array()}) {
    EXPECT_NE(line_with("dspark_target_layer_ids", taps).find("different layers below"),
              std::string::npos);
  }
  EXPECT_NE(line_with("dspark_markov_rank", 0).find("dspark_markov_rank"), std::string::npos);
  Json half = json;
  half.erase("dspark_markov_rank");
  EXPECT_NE(config_refusal(half.dump()).find("dspark_markov_rank is missing"), std::string::npos);
}

TEST(Config, RefusesTheArchitectureOfV41) {
  Json json = flash_config();
  json["kv_source_layer_ids"] = {2, 8, 14, 20};
  const std::string line = config_refusal(json.dump());
  EXPECT_NE(line.find("V4.1"), std::string::npos) << line;
  EXPECT_NE(line.find("use a DeepSeek-V4-Pro or DeepSeek-V4-Flash checkpoint"), std::string::npos);
}

TEST(Config, RefusesWhatIsNotAConfig) {
  EXPECT_NE(config_refusal("").find("is not valid JSON"), std::string::npos);
  EXPECT_NE(config_refusal("[]").find("is not a JSON object"), std::string::npos);
  EXPECT_NE(config_refusal("{}").find("model_type is absent"), std::string::npos);
  EXPECT_NE(config_refusal(std::string(1'000'000, '[')).find("nested"), std::string::npos);
  EXPECT_NE(config_refusal("{\"a\":1e999}"), "");
  EXPECT_NE(config_refusal("{\"model_type\":\"\xff\"}"), "");
  const std::string whole = flash_config().dump();
  for (size_t size = 0; size < whole.size(); size += 7) {
    EXPECT_NE(config_refusal(whole.substr(0, size)), "") << size;
  }
}

TEST(Config, SaysWhenADirectoryIsNoModel) {
  const auto message = [](const std::filesystem::path& directory) {
    try {
      load_config(directory);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(message(golden_data() / "absent").find("does not exist"), std::string::npos);
  EXPECT_NE(message(golden_data()).find("holds no model: it has no config.json"),
            std::string::npos);
  EXPECT_NE(
      message(golden_data() / "config/pro/config.json").find("name the directory that it lies in"),
      std::string::npos);
}

}  // namespace
}  // namespace hadal
