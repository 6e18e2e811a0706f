// The same rotation under all the names that config.json files give it.
#include "checkpoint/v4/config_rope.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

using Json = nlohmann::json;

const std::filesystem::path kFlash =
    test::source_path("tests/golden/data/config/flash/config.json");

class RopeTest : public testing::Test {
 protected:
  static std::string meaning(const Json& json) {
    return config_to_json(parse_config(json.dump(), "config.json"));
  }
  void expect_same() const { EXPECT_EQ(meaning(json_), meaning(released_)); }
  void expect_refused(const std::string& part) const {
    try {
      parse_config(json_.dump(), "config.json");
      ADD_FAILURE() << "not refused: " << part;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << part << " is not in: " << error.what();
    }
  }
  // As transformers 5 writes the released model.
  void rewrite_as_nested(const std::string& plain, const std::string& compressed) {
    Json yarn = json_["rope_scaling"];
    json_.erase("rope_scaling");
    yarn["rope_type"] = "yarn";
    yarn["rope_theta"] = 160000.0;
    yarn["partial_rotary_factor"] = 0.125;
    yarn["attention_factor"] = 1.0;
    json_["rope_parameters"] = {
        {plain,
         {{"rope_type", "default"}, {"rope_theta", 10000.0}, {"partial_rotary_factor", 0.125}}},
        {compressed, yarn}};
  }

  Json released_ = Json::parse(read_text_file(kFlash, 1 << 20));
  Json json_ = released_;
};

TEST_F(RopeTest, NewerNamesMeanTheSame) {
  json_["rope_scaling"].erase("type");
  json_["rope_scaling"]["rope_type"] = "yarn";
  expect_same();
  json_["rope_scaling"]["type"] = "yarn";
  expect_same();
  json_["rope_parameters"] = json_["rope_scaling"];
  expect_same();  // both, and they agree
  json_.erase("rope_scaling");
  expect_same();
  json_["rope_parameters"]["rope_theta"] = 10000.0;
  expect_same();
  json_.erase("rope_theta");
  expect_same();
}

TEST_F(RopeTest, NestedByKindOfLayerItMeansTheSame) {
  rewrite_as_nested("main", "compress");
  expect_same();
  json_.erase("rope_theta");
  json_.erase("compress_rope_theta");
  expect_same();
  json_["rope_scaling"] = nullptr;
  expect_same();
  const Json nested = json_["rope_parameters"];
  json_["rope_parameters"] = {{"sliding_attention", nested["main"]},
                              {"compressed_sparse_attention", nested["compress"]},
                              {"heavily_compressed_attention", nested["compress"]}};
  expect_same();
  json_["rope_parameters"]["heavily_compressed_attention"]["rope_theta"] = 10000;
  expect_refused(
      "rope_parameters.compressed_sparse_attention.rope_theta (160000.0) and "
      "rope_parameters.heavily_compressed_attention.rope_theta (10000.0) contradict");
}

TEST_F(RopeTest, LayersUnderTheirNewerNamesMeanTheSame) {
  Json types;
  for (int i = 0; i < 43; ++i) {
    const int ratio = json_["compress_ratios"][static_cast<size_t>(i)];
    types.push_back(ratio == 0   ? "sliding_attention"
                    : ratio == 4 ? "compressed_sparse_attention"
                                 : "heavily_compressed_attention");
  }
  json_["layer_types"] = types;
  json_["compress_rates"] = {{"compressed_sparse_attention", 4},
                             {"heavily_compressed_attention", 128}};
  expect_same();
  json_.erase("compress_ratios");
  expect_same();
  json_["mlp_layer_types"] = std::vector<std::string>(43, "moe");
  for (size_t i = 0; i < 3; ++i) json_["mlp_layer_types"][i] = "hash_moe";
  expect_same();
  json_.erase("num_hash_layers");
  expect_same();
  json_.erase("qk_rope_head_dim");
  json_["partial_rotary_factor"] = 0.125;
  expect_same();

  json_["compress_rates"]["compressed_sparse_attention"] = 8;
  expect_refused("compress_rates.compressed_sparse_attention is 8, but must be 4");
  json_.erase("compress_rates");
  json_["mlp_layer_types"][5] = "hash_moe";
  expect_refused("mlp_layer_types");
  json_["mlp_layer_types"][5] = "moe";
  json_["num_hash_layers"] = 2;
  expect_refused("num_hash_layers (2) and mlp_layer_types (3 times hash_moe) contradict");
  json_["num_hash_layers"] = 3;
  json_["compress_ratios"] = released_["compress_ratios"];
  json_["layer_types"][7] = "sliding_attention";
  expect_refused("compress_ratios[7] (128) and layer_types[7] (\"sliding_attention\") contradict");
  json_["layer_types"].erase(7);
  expect_refused("layer_types");
  json_["layer_types"] = "full_attention";
  expect_refused("layer_types is \"full_attention\", but must be a list of names");
  json_["layer_types"] = std::vector<std::string>(43, "full_attention");
  expect_refused("layer_types is \"full_attention\", but must be sliding_attention");
  json_.erase("layer_types");
  json_["qk_rope_head_dim"] = 32;
  expect_refused("qk_rope_head_dim (32) and partial_rotary_factor (0.125 of head_dim 512)");
  json_.erase("qk_rope_head_dim");
  json_["partial_rotary_factor"] = 0.1251;
  expect_refused("partial_rotary_factor is 0.1251, but must make a whole number of head_dim 512");
}

TEST_F(RopeTest, ContradictionsNameBothFields) {
  json_["rope_parameters"] = json_["rope_scaling"];
  json_["rope_parameters"]["factor"] = 32;
  expect_refused(
      "rope_scaling.factor (16.0) and rope_parameters.factor (32.0) contradict each other");
  json_["rope_parameters"]["factor"] = 16;
  json_["rope_parameters"]["original_max_position_embeddings"] = 4096;
  expect_refused(
      "rope_scaling.original_max_position_embeddings (65536.0) and "
      "rope_parameters.original_max_position_embeddings (4096.0) contradict");
  json_["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 10000}};
  expect_refused("rope_scaling.factor (16.0) and rope_parameters.rope_type default (1.0)");
  json_["rope_parameters"] = {{"rope_theta", 50000}};
  expect_refused("rope_theta (10000.0) and rope_parameters.rope_theta (50000.0) contradict");
  json_.erase("rope_parameters");
  json_["rope_scaling"]["rope_type"] = "default";
  expect_refused(
      "rope_scaling.rope_type (\"default\") and rope_scaling.type (\"yarn\") contradict");
  json_["rope_scaling"].erase("rope_type");
  json_["original_max_position_embeddings"] = 4096;
  expect_refused(
      "rope_scaling.original_max_position_embeddings (65536.0) and "
      "original_max_position_embeddings (4096.0) contradict");
}

TEST_F(RopeTest, ContradictsNestedParametersToo) {
  rewrite_as_nested("main", "compress");
  json_["rope_parameters"]["compress"]["rope_theta"] = 10000;
  expect_refused(
      "compress_rope_theta (160000.0) and rope_parameters.compress.rope_theta (10000.0)");
  json_["rope_parameters"]["compress"]["rope_theta"] = 160000;
  json_["rope_parameters"]["main"]["rope_type"] = "yarn";
  expect_refused("rope_parameters.main.rope_type is \"yarn\", but layers without compression");
  json_["rope_parameters"]["main"]["rope_type"] = "default";
  json_["rope_parameters"]["factor"] = 16;
  expect_refused("must hold either parameters or an object for each kind of layers");
  json_["rope_parameters"].erase("factor");
  json_["rope_parameters"]["main"] = 1;
  expect_refused("rope_parameters.main is 1, but must be an object");
}

TEST_F(RopeTest, AnotherRotationIsRefused) {
  for (const char* type : {"linear", "dynamic", "llama3", "longrope", "su", "deepseek_yarn", ""}) {
    json_ = released_;
    json_["rope_scaling"]["type"] = type;
    expect_refused("rope_scaling.type is \"" + std::string(type) + "\", but must be \"yarn\"");
    json_["rope_parameters"] = json_["rope_scaling"];
    json_.erase("rope_scaling");
    expect_refused("rope_parameters.type is \"" + std::string(type) + "\", but must be \"yarn\"");
  }
  struct Setting {
    const char* name;
    Json value;
  };
  for (const auto& [name, value] : std::vector<Setting>{{"mscale", 1},
                                                        {"mscale_all_dim", 0.707},
                                                        {"attention_factor", 1.277},
                                                        {"attn_factor", 2},
                                                        {"extrapolation_factor", 2},
                                                        {"truncate", false},
                                                        {"partial_rotary_factor", 0.25},
                                                        {"low_freq_factor", 1},
                                                        {"short_factor", Json::array({1})}}) {
    json_ = released_;
    json_["rope_scaling"][name] = value;
    expect_refused("rope_scaling." + std::string(name) + " is ");
  }
  for (const auto& [name, value] : std::vector<Setting>{{"mscale", 0},
                                                        {"mscale_all_dim", nullptr},
                                                        {"attention_factor", 1.0},
                                                        {"truncate", true},
                                                        {"partial_rotary_factor", 0.125}}) {
    json_ = released_;
    json_["rope_scaling"][name] = value;
    expect_same();
  }
}

TEST_F(RopeTest, AScalingWithoutATypeIsRefused) {
  json_["rope_scaling"].erase("type");
  expect_refused("nothing says how to scale");
  json_["rope_scaling"] = {{"type", "default"}, {"factor", 4}};
  expect_refused("rope_scaling.factor is 4, but rope_type is \"default\", which scales nothing");
  json_["rope_scaling"] = {{"type", "yarn"}, {"factor", 16}};
  expect_refused("rope_scaling.original_max_position_embeddings is missing");
}

TEST_F(RopeTest, NoScalingIsNoScaling) {
  json_["rope_scaling"] = nullptr;
  const std::string none = meaning(json_);
  EXPECT_EQ(parse_config(json_.dump(), "c").yarn.factor, 1);
  for (const Json& value : {Json::object(), Json{{"type", "default"}}, Json{{"factor", 1}}}) {
    json_["rope_scaling"] = value;
    EXPECT_EQ(meaning(json_), none) << value;
  }
  json_["rope_scaling"] = released_["rope_scaling"];
  json_["rope_scaling"].erase("beta_fast");
  json_["rope_scaling"].erase("beta_slow");
  expect_same();  // 32 and 1 where they are not given
}

}  // namespace
}  // namespace hadal
