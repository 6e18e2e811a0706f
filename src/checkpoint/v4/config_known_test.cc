// No field of a config.json is ignored in silence.
#include "checkpoint/v4/config_known.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/v4/config.h"
#include "support/released_configs.h"

namespace hadal {
namespace {

using Json = nlohmann::json;
using Names = std::vector<std::string>;

using test::flash_config;
using test::golden_data;

Names unknown_with(const std::string& field, const Json& value) {
  Json json = flash_config();
  json[Json::json_pointer(field)] = value;
  return parse_config(json.dump(), "config.json").unknown_fields;
}

std::string refusal_with(const std::string& field, const Json& value) {
  try {
    unknown_with(field, value);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ConfigKnown, TheReleasedModelsHoldNothingUnknown) {
  for (const char* model : {"config/flash", "config/pro", "model/pico/model",
                            "model/pico-flash/model", "../../../models/nano"}) {
    EXPECT_EQ(load_config(golden_data() / model).unknown_fields, Names{}) << model;
  }
}

TEST(ConfigKnown, BookkeepingIsNoNoise) {
  for (const char* field :
       {"/transformers_version", "/torch_dtype", "/dtype", "/_name_or_path", "/use_cache",
        "/initializer_range", "/pad_token_id", "/auto_map", "/router_aux_loss_coef",
        "/output_router_logits", "/id2label", "/_attn_implementation"}) {
    EXPECT_EQ(unknown_with(field, "something"), Names{}) << field;
  }
  EXPECT_EQ(unknown_with("/dspark_markov_rank", 5), Names{});
}

TEST(ConfigKnown, OtherUnknownFieldsAreTold) {
  EXPECT_EQ(unknown_with("/vision_config", {{"depth", 4}}), Names{"vision_config"});
  EXPECT_EQ(unknown_with("/intermediate_size", 18432), Names{"intermediate_size"});
  EXPECT_EQ(unknown_with("/properties", "x"), Names{"properties"});
  EXPECT_EQ(unknown_with("/something", nullptr), Names{});
}

TEST(ConfigKnown, ArithmeticOfOtherProgramsIsRefused) {
  struct Case {
    const char* field;
    Json value;
  };
  const std::vector<Case> cases = {
      {"/attn_logit_softcapping", 50.0},
      {"/final_logit_softcapping", 30.0},
      {"/logit_soft_cap", 30},
      {"/mlp_bias", true},
      {"/qkv_bias", true},
      {"/use_bias", true},
      {"/mscale", 1.0},
      {"/embedding_multiplier", 12.0},
      {"/residual_multiplier", 0.22},
      {"/logits_scaling", 8},
      {"/attention_scale", 0.1},
      {"/scale_emb", 12},
      {"/use_qk_norm", true},
      {"/alibi", true},
      {"/rotary_pct", 0.25},
      {"/rope_type", "yarn"},
      {"/rope_local_base_freq", 10000},
      {"/rope_interleave", false},
      {"/yarn_factor", 16},
      {"/use_sliding_window", false},
      {"/attention_chunk_size", 8192},
      {"/n_group", 8},
      {"/topk_group", 4},
      {"/first_k_dense_replace", 3},
      {"/moe_layer_freq", 2},
      {"/num_local_experts", 128},
      {"/v_head_dim", 128},
      {"/qk_nope_head_dim", 128},
      {"/layer_norm_eps", 1e-5},
      {"/quantization", {{"group_size", 64}, {"bits", 4}}},
      {"/compression_config", {{"format", "int-quantized"}}},
      {"/quantization_config/group_size", 64},
      {"/quantization_config/bits", 4},
      {"/quantization_config/kv_cache_scheme", {{"num_bits", 8}}},
      {"/quantization_config/quant_method", "compressed-tensors"},
      {"/quantization_config/weight_block_size", Json::array({64, 64})},
      {"/swiglu_alpha", 1.702},
      {"/hidden_activation", "gelu_pytorch_tanh"},
      {"/hc_post_scale", 2},
      {"/index_topk_freq", 4},
      {"/compress_overlap", 2},
  };
  for (const auto& [field, value] : cases) {
    const std::string line = refusal_with(field, value);
    const std::string name = std::string(field).substr(std::string(field).rfind('/') + 1);
    EXPECT_NE(line.find(name), std::string::npos) << field << " gave: " << line;
  }
}

TEST(ConfigKnown, ArithmeticThatIsTurnedOffPasses) {
  struct Case {
    const char* field;
    Json value;
  };
  for (const auto& [field, value] :
       std::vector<Case>{{"/attn_logit_softcapping", nullptr},
                         {"/final_logit_softcapping", 0.0},
                         {"/mlp_bias", false},
                         {"/embedding_multiplier", 1.0},
                         {"/attention_scale", 1},
                         {"/use_qk_norm", false},
                         {"/attention_chunk_size", nullptr},
                         {"/hidden_activation", "silu"},
                         {"/n_group", 1},
                         {"/first_k_dense_replace", 0},
                         {"/num_local_experts", 256},
                         {"/v_head_dim", 512},
                         {"/qk_nope_head_dim", 448},
                         {"/layer_norm_eps", 1e-6},
                         {"/quantization_config/ignored_layers", Json::array({"head"})},
                         {"/quantization_config/kv_cache_scheme", nullptr}}) {
    EXPECT_EQ(refusal_with(field, value), "");
    EXPECT_EQ(unknown_with(field, value), Names{}) << field;
  }
  Json json = flash_config();
  json["n_group"] = 8;
  json["topk_group"] = 8;
  EXPECT_NO_THROW(parse_config(json.dump(), "c"));
}

TEST(ConfigKnown, AFieldGivenTwiceIsRefused) {
  std::string text = flash_config().dump();
  text.insert(1, "\"rope_theta\":20000,");
  try {
    parse_config(text, "config.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "config.json: gives rope_theta twice; leave one of the two");
  }
}

}  // namespace
}  // namespace hadal
