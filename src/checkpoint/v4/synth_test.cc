#include "checkpoint/v4/synth.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/unaligned.h"
#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/checkpoint.h"
#include "checkpoint/v4/synth_tokenizer.h"
#include "checkpoint/v4/synth_weights.h"
#include "numeric/bf16.h"
#include "numeric/e2m1.h"
#include "numeric/e4m3.h"
#include "numeric/e8m0.h"
#include "support/file_size_limit.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

class Synth : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::path(testing::TempDir()) / (std::string("hadal_synth_") + test->name());
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path root_;
};

// File name to contents.
std::map<std::string, std::string> contents(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    files[entry.path().filename().string()] = read_text_file(entry.path(), size_t{1} << 30);
  }
  return files;
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

void expect_contains(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks " << part;
  }
}

TensorSpec spec_of(const ModelConfig& config, const std::string& name) {
  for (const TensorSpec& spec : catalogue(config)) {
    if (spec.name == name) return spec;
  }
  throw std::out_of_range(name);
}

std::vector<std::byte> all_bytes(const ModelConfig& config, const std::string& name,
                                 uint64_t seed = 1) {
  const TensorSpec spec = spec_of(config, name);
  const SynthTensor tensor(config, spec, seed);
  std::vector<std::byte> bytes(tensor.elements() * dtype_bytes(spec.dtype));
  tensor.generate(0, bytes);
  return bytes;
}

double rms(const std::vector<double>& values) {
  double squares = 0;
  for (const double value : values) {
    squares += value * value;
  }
  return std::sqrt(squares / static_cast<double>(values.size()));
}

// The dequantised values of layer 0's tensor `name`.weight, by the definition of the formats.
std::vector<double> dequantised(const ModelConfig& config, const std::string& name) {
  const std::vector<std::byte> codes = all_bytes(config, name + ".weight");
  const std::vector<std::byte> scales = all_bytes(config, name + ".scale");
  const TensorSpec weight = spec_of(config, name + ".weight");
  const bool fp4 = weight.dtype == DType::kI8;
  const size_t rows = static_cast<size_t>(weight.shape[0]);
  const size_t columns = static_cast<size_t>(weight.shape[1]) * (fp4 ? 2 : 1);
  const size_t block_rows = fp4 ? 1 : kFp8Block;
  const size_t block_columns = fp4 ? kFp4Block : kFp8Block;
  const size_t scale_columns = (columns + block_columns - 1) / block_columns;
  std::vector<double> values;
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < columns; ++column) {
      const size_t element = row * columns + column;
      const double value =
          fp4 ? e2m1_decode(static_cast<int>(codes[element / 2]) >> (element % 2 * 4))
              : e4m3_decode(static_cast<uint8_t>(codes[element]));
      const size_t block = row / block_rows * scale_columns + column / block_columns;
      values.push_back(value * e8m0_decode(static_cast<uint8_t>(scales[block])));
    }
  }
  return values;
}

ModelConfig small_flash() {
  return synth_config({.preset = "flash", .layers = 4, .experts = 6, .vocab = 272});
}

TEST_F(Synth, PicoOpensAsACheckpointAndHasAllKindsOfLayers) {
  const fs::path directory = root_ / "new" / "pico";
  write_synthetic_checkpoint({.preset = "pico"}, directory);
  const Checkpoint checkpoint = Checkpoint::open(directory);
  const ModelConfig& config = checkpoint.config();
  EXPECT_GE(config.count(LayerKind::kWindow), 1);
  EXPECT_GE(config.count(LayerKind::kCsa), 1);
  EXPECT_GE(config.count(LayerKind::kHca), 1);
  EXPECT_EQ(config.drafter, DrafterKind::kMtp);
  EXPECT_GE(config.hash_layers, 1);
  EXPECT_LT(config.hash_layers, config.layers);
  for (const TensorSpec& spec : catalogue(config)) {
    EXPECT_EQ(checkpoint.tensor(spec.name).shape, spec.shape) << spec.name;
    EXPECT_EQ(checkpoint.tensor(spec.name).dtype, spec.dtype) << spec.name;
  }
  uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(directory)) {
    bytes += entry.file_size();
  }
  EXPECT_LT(bytes, 16u << 20);
}

TEST_F(Synth, BytesFollowFromTheSeed) {
  write_synthetic_checkpoint({.preset = "pico", .seed = 7}, root_ / "a");
  write_synthetic_checkpoint({.preset = "pico", .seed = 7}, root_ / "b");
  write_synthetic_checkpoint({.preset = "pico", .seed = 8}, root_ / "c");
  const auto a = contents(root_ / "a");
  const auto c = contents(root_ / "c");
  EXPECT_EQ(a, contents(root_ / "b"));
  ASSERT_EQ(a.size(), c.size());
  for (const auto& [name, text] : a) {
    if (name.ends_with(".safetensors")) {
      EXPECT_NE(text, c.at(name)) << name;
    }
  }
}

TEST_F(Synth, ATensorIsTheSameWhateverTheNumberOfLayersAndExperts) {
  write_synthetic_checkpoint({.preset = "pico"}, root_ / "whole");
  write_synthetic_checkpoint({.preset = "pico", .layers = 2, .experts = 3}, root_ / "cut");
  const Checkpoint whole = Checkpoint::open(root_ / "whole");
  const Checkpoint cut = Checkpoint::open(root_ / "cut");
  EXPECT_EQ(cut.config().layers, 2);
  EXPECT_EQ(cut.config().routed_experts, 3);
  size_t compared = 0;
  for (const TensorSpec& spec : catalogue(cut.config())) {
    const TensorView& a = whole.tensor(spec.name);
    const TensorView& b = cut.tensor(spec.name);
    if (a.shape != b.shape || spec.dtype == DType::kI64) continue;  // sized by the experts
    const size_t bytes = static_cast<size_t>(byte_count(spec));
    EXPECT_EQ(std::memcmp(a.data, b.data, bytes), 0) << spec.name;
    ++compared;
  }
  EXPECT_GT(compared, 60u);
}

TEST_F(Synth, PiecesOfATensorMakeUpTheWhole) {
  const ModelConfig config = synth_config({.preset = "pico"});
  for (const char* name : {"embed.weight", "layers.0.attn.wq_a.weight", "layers.0.attn.wq_b.scale",
                           "layers.0.hc_attn_fn", "layers.0.hc_attn_base",
                           "layers.0.ffn.gate.tid2eid", "layers.0.ffn.experts.1.w2.weight"}) {
    const TensorSpec spec = spec_of(config, name);
    const SynthTensor tensor(config, spec, 1);
    const std::vector<std::byte> whole = all_bytes(config, name);
    const size_t element_bytes = dtype_bytes(spec.dtype);
    for (size_t first = 0; first < tensor.elements(); first += 28) {
      const size_t count = std::min<size_t>(28, tensor.elements() - first);
      std::vector<std::byte> piece(count * element_bytes);
      tensor.generate(first, piece);
      ASSERT_EQ(std::memcmp(piece.data(), whole.data() + first * element_bytes, piece.size()), 0)
          << name << " from " << first;
    }
  }
}

TEST_F(Synth, EveryPresetCoversItsWholeCatalogue) {
  for (const std::string& preset : synth_presets()) {
    const ModelConfig config = synth_config({.preset = preset, .experts = 8, .vocab = 512});
    for (const TensorSpec& spec : catalogue(config)) {
      const SynthTensor tensor(config, spec, 1);
      std::vector<std::byte> some(std::min<size_t>(tensor.elements(), 16) *
                                  dtype_bytes(spec.dtype));
      tensor.generate(0, some);
      const bool zeros =
          std::all_of(some.begin(), some.end(), [](std::byte b) { return b == std::byte{0}; });
      EXPECT_FALSE(zeros && spec.dtype != DType::kI64) << spec.name;
    }
  }
}

TEST_F(Synth, LinearLayersKeepTheVarianceOfTheirInputs) {
  const ModelConfig config = small_flash();
  const auto expect_gain = [&](const std::string& name, double gain, int inputs) {
    EXPECT_NEAR(rms(dequantised(config, name)) * std::sqrt(inputs), gain, 0.06 * gain) << name;
  };
  expect_gain("layers.0.attn.wq_a", 1, config.hidden_size);
  expect_gain("layers.0.attn.wo_b", 1, config.o_groups * config.o_lora_rank);
  expect_gain("layers.0.ffn.experts.3.w1", 1, config.hidden_size);
  expect_gain("layers.0.ffn.experts.3.w2", 0.7, config.expert_width);
}

TEST_F(Synth, QuantisedWeightsAreFiniteAndUseTheWholeFormat) {
  const ModelConfig config = small_flash();
  std::set<int> e4m3;
  for (const std::byte code : all_bytes(config, "layers.0.attn.wkv.weight")) {
    e4m3.insert(static_cast<int>(code));
  }
  EXPECT_FALSE(e4m3.contains(0x7f) || e4m3.contains(0xff));
  EXPECT_GT(e4m3.size(), 120u);
  std::set<int> e2m1;
  for (const std::byte pair : all_bytes(config, "layers.1.ffn.experts.0.w1.weight")) {
    e2m1.insert(static_cast<int>(pair) & 15);
    e2m1.insert(static_cast<int>(pair) >> 4);
  }
  EXPECT_EQ(e2m1.size(), 16u);
  std::set<int> scales;
  for (const std::byte scale : all_bytes(config, "layers.1.ffn.experts.0.w1.scale")) {
    scales.insert(static_cast<int>(scale));
  }
  EXPECT_GE(scales.size(), 3u);
  EXPECT_LE(*scales.rbegin(), 127);
}

TEST_F(Synth, FloatsAreNormallyDistributedAroundTheirMeans) {
  const ModelConfig config = small_flash();
  const std::vector<std::byte> bytes = all_bytes(config, "layers.2.hc_ffn_fn");
  const size_t count = bytes.size() / sizeof(float);
  const double deviation = 1 / std::sqrt(config.hc_mult * config.hidden_size);
  // Shares below -2, -1, 0, 1, 2 deviations.
  const std::vector<double> limits = {-2, -1, 0, 1, 2};
  std::vector<double> below(limits.size(), 0.0);
  for (size_t i = 0; i < count; ++i) {
    const double x = load_unaligned<float>(bytes.data() + i * sizeof(float)) / deviation;
    for (size_t j = 0; j < limits.size(); ++j) {
      below[j] += x < limits[j] ? 1 : 0;
    }
  }
  for (size_t j = 0; j < limits.size(); ++j) {
    EXPECT_NEAR(below[j] / static_cast<double>(count), std::erfc(-limits[j] / std::sqrt(2.0)) / 2,
                0.003);
  }
  std::vector<double> norm;
  const std::vector<std::byte> norm_bytes = all_bytes(config, "layers.2.attn_norm.weight");
  for (size_t i = 0; i < norm_bytes.size(); i += 2) {
    norm.push_back(bf16_decode(load_unaligned<uint16_t>(norm_bytes.data() + i)));
  }
  EXPECT_GT(*std::min_element(norm.begin(), norm.end()), 0.5);
  EXPECT_LT(*std::max_element(norm.begin(), norm.end()), 1.5);
}

TEST_F(Synth, HashRoutingNamesDifferentExpertsThatExist) {
  for (const int experts : {6, 7, 64}) {
    const ModelConfig config =
        synth_config({.preset = "flash", .layers = 4, .experts = experts, .vocab = 300});
    const std::vector<std::byte> bytes = all_bytes(config, "layers.2.ffn.gate.tid2eid");
    const size_t per_token = static_cast<size_t>(config.experts_per_token);
    ASSERT_EQ(bytes.size(), 300 * per_token * sizeof(int64_t));
    std::set<int64_t> used;
    for (size_t token = 0; token < 300; ++token) {
      std::set<int64_t> row;
      for (size_t i = 0; i < per_token; ++i) {
        row.insert(load_unaligned<int64_t>(bytes.data() + (token * per_token + i) * 8));
      }
      EXPECT_EQ(row.size(), per_token);
      EXPECT_GE(*row.begin(), 0);
      EXPECT_LT(*row.rbegin(), experts);
      used.insert(row.begin(), row.end());
    }
    EXPECT_EQ(used.size(), static_cast<size_t>(experts));
  }
}

TEST_F(Synth, LayersAreAPrefixOfThePresetOrGoOnAlternating) {
  using enum LayerKind;
  const auto kinds = [](const char* preset, int layers) {
    return synth_config({.preset = preset, .layers = layers}).layer_kinds;
  };
  EXPECT_EQ(kinds("flash", 4), (std::vector<LayerKind>{kWindow, kWindow, kCsa, kHca}));
  EXPECT_EQ(kinds("pro", 3), (std::vector<LayerKind>{kHca, kHca, kCsa}));
  EXPECT_EQ(synth_config({.preset = "flash", .layers = 2}).hash_layers, 2);
  EXPECT_EQ(synth_config({.preset = "flash", .layers = 4}).hash_layers, 3);
  const std::vector<LayerKind> longer = kinds("flash", 46);
  EXPECT_EQ(longer[42], kCsa);
  EXPECT_EQ(longer[43], kHca);
  EXPECT_EQ(longer[44], kCsa);
  EXPECT_EQ(longer[45], kHca);
}

TEST_F(Synth, ShardsAreThoseOfTheRelease) {
  write_synthetic_checkpoint({.preset = "pico", .layers = 3}, root_);
  std::set<std::string> names;
  for (const auto& [name, text] : contents(root_)) {
    names.insert(name);
  }
  EXPECT_EQ(names, (std::set<std::string>{
                       "config.json", "model-00001-of-00006.safetensors",
                       "model-00002-of-00006.safetensors", "model-00003-of-00006.safetensors",
                       "model-00004-of-00006.safetensors", "model-00005-of-00006.safetensors",
                       "model-00006-of-00006.safetensors", "model.safetensors.index.json",
                       "synthetic.json", "tokenizer.json", "tokenizer_config.json"}));
  const auto index =
      nlohmann::json::parse(read_text_file(root_ / "model.safetensors.index.json", 1 << 24));
  EXPECT_EQ(index["weight_map"]["embed.weight"], "model-00001-of-00006.safetensors");
  EXPECT_EQ(index["weight_map"]["layers.2.attn.wkv.scale"], "model-00004-of-00006.safetensors");
  EXPECT_EQ(index["weight_map"]["head.weight"], "model-00005-of-00006.safetensors");
  EXPECT_EQ(index["weight_map"]["mtp.0.enorm.weight"], "model-00006-of-00006.safetensors");
}

TEST_F(Synth, ReportsProgressUpToTheTotalOfTheIndex) {
  uint64_t last = 0;
  uint64_t total = 0;
  const auto progress = [&](uint64_t done, uint64_t all) {
    EXPECT_GT(done, last);
    EXPECT_LE(done - last, uint64_t{1} << 20);
    last = done;
    total = all;
  };
  write_synthetic_checkpoint({.preset = "pico", .progress = progress}, root_);
  EXPECT_EQ(last, total);
  const auto index =
      nlohmann::json::parse(read_text_file(root_ / "model.safetensors.index.json", 1 << 24));
  EXPECT_EQ(index["metadata"]["total_size"], total);
}

TEST_F(Synth, ReplacesAnEarlierSyntheticCheckpointButNothingElse) {
  write_synthetic_checkpoint({.preset = "pico"}, root_ / "model");
  write_synthetic_checkpoint({.preset = "pico", .layers = 1}, root_ / "model");
  EXPECT_EQ(Checkpoint::open(root_ / "model").config().layers, 1);

  // What a person put beside it stays, whatever it begins with.
  std::ofstream(root_ / "model" / "model-notes.safetensors") << "mine";
  write_synthetic_checkpoint({.preset = "pico"}, root_ / "model");
  EXPECT_TRUE(fs::exists(root_ / "model" / "model-notes.safetensors"));

  // A file of the marker's name alone does not make a directory one of hadal's.
  std::ofstream(root_ / "model" / "synthetic.json") << "{\"data\": \"set\"}";
  expect_contains(
      message_of([&] { write_synthetic_checkpoint({.preset = "pico"}, root_ / "model"); }),
      {"a model that is not synthetic"});

  fs::remove(root_ / "model" / "synthetic.json");
  const auto before = contents(root_ / "model");
  expect_contains(
      message_of([&] { write_synthetic_checkpoint({.preset = "pico"}, root_ / "model"); }),
      {(root_ / "model").string(), "a model that is not synthetic", "empty directory"});
  EXPECT_EQ(contents(root_ / "model"), before);

  fs::create_directories(root_ / "home");
  std::ofstream(root_ / "home" / "letter.txt") << "dear";
  expect_contains(
      message_of([&] { write_synthetic_checkpoint({.preset = "pico"}, root_ / "home"); }),
      {"is not empty"});
  EXPECT_EQ(contents(root_ / "home").size(), 1u);
  expect_contains(message_of([&] {
                    write_synthetic_checkpoint({.preset = "pico"}, root_ / "home" / "letter.txt");
                  }),
                  {"letter.txt", "is not a directory"});
  expect_contains(message_of([&] {
                    write_synthetic_checkpoint({.preset = "pico"},
                                               root_ / "home" / "letter.txt" / "model");
                  }),
                  {"letter.txt"});
}

TEST_F(Synth, ABrokenOffRunLeavesNothingBehind) {
  int calls = 0;
  const auto fail = [&](uint64_t, uint64_t) {
    if (++calls == 40) throw std::runtime_error("stop");
  };
  EXPECT_THROW(write_synthetic_checkpoint({.preset = "pico", .progress = fail}, root_ / "model"),
               std::runtime_error);
  EXPECT_FALSE(fs::exists(root_ / "model"));
  fs::create_directories(root_ / "empty");
  calls = 0;
  EXPECT_THROW(write_synthetic_checkpoint({.preset = "pico", .progress = fail}, root_ / "empty"),
               std::runtime_error);
  EXPECT_TRUE(fs::is_empty(root_ / "empty"));
}

TEST_F(Synth, AFileThatCannotBeWrittenIsAnErrorThatNamesIt) {
  std::string message;
  {
    const FileSizeLimit full_disk(100'000);
    message = message_of([&] { write_synthetic_checkpoint({.preset = "pico"}, root_ / "model"); });
  }
  expect_contains(message, {"model-0000"});
  EXPECT_FALSE(fs::exists(root_ / "model"));
}

TEST_F(Synth, RefusesOptionsThatCannotBe) {
  const auto message = [](const SynthOptions& options) {
    return message_of([&] { synth_config(options); });
  };
  expect_contains(message({.preset = "nano"}), {"preset", "\"nano\"", "pico, flash, pro"});
  expect_contains(message({.preset = "flash", .layers = -1}), {"--layers", "-1"});
  expect_contains(message({.preset = "flash", .layers = 2000}), {"--layers", "2000", "1024"});
  expect_contains(message({.preset = "flash", .experts = 5}), {"--experts", "5", "from 6"});
  expect_contains(message({.preset = "pico", .vocab = 271}), {"--vocab", "271", "272"});
}

TEST_F(Synth, TakesATokenizerWhoseIdsFit) {
  std::ofstream(root_ / "tokenizer.json") << synthetic_tokenizer_json(1000);
  const SynthOptions options = {.preset = "pico", .tokenizer = root_ / "tokenizer.json"};
  SynthOptions small = options;
  small.vocab = 999;
  expect_contains(message_of([&] { synth_config(small); }),
                  {"--vocab", "999", "tokenizer.json", "largest id is 999", "at least 1000"});
  write_synthetic_checkpoint(options, root_ / "model");
  EXPECT_GE(Checkpoint::open(root_ / "model").config().vocab_size, 1000);
  EXPECT_EQ(contents(root_ / "model").at("tokenizer.json"), synthetic_tokenizer_json(1000));

  SynthOptions missing = options;
  missing.tokenizer = root_ / "none.json";
  expect_contains(message_of([&] { synth_config(missing); }), {"none.json"});
}

TEST(SynthTokenizer, TakesBeginAndEndFromTheTokenizer) {
  const TokenizerIds ids = tokenizer_ids(
      R"({"model":{"vocab":{"a":3}},"added_tokens":[{"id":9,"content":"<｜begin▁of▁sentence｜>"},)"
      R"({"id":4,"content":"<｜end▁of▁sentence｜>"}]})",
      "t");
  EXPECT_EQ(ids.count, 10);
  EXPECT_EQ(ids.bos, 9);
  EXPECT_EQ(ids.eos, 4);
}

TEST(SynthTokenizer, RefusesWhatIsNoTokenizer) {
  for (const char* text :
       {"", "[]", "{", "{}", R"({"model":{"vocab":{}}})", R"({"model":{"vocab":{"a":-1}}})",
        R"({"model":{"vocab":{"a":1.5}}})", R"({"model":{"vocab":{"a":99999999999999999999}}})",
        R"({"model":{"vocab":{"a":1}},"added_tokens":[3]})",
        R"({"model":{"vocab":{"a":1}},"added_tokens":{"id":3}})"}) {
    EXPECT_THROW(tokenizer_ids(text, "tokenizer.json"), Error) << text;
  }
}

TEST(SynthTokenizer, HasOneTokenForEveryIdAndMergesThatMakeThem) {
  for (const int vocab_size : {272, 273, 512, 1000, 5000}) {
    const auto json = nlohmann::json::parse(synthetic_tokenizer_json(vocab_size));
    const auto& vocab = json["model"]["vocab"];
    const auto& merges = json["model"]["merges"];
    ASSERT_EQ(vocab.size(), static_cast<size_t>(vocab_size));
    std::set<int> ids;
    for (const auto& [token, id] : vocab.items()) {
      ids.insert(id.get<int>());
    }
    EXPECT_EQ(*ids.begin(), 0);
    EXPECT_EQ(*ids.rbegin(), vocab_size - 1);
    EXPECT_EQ(ids.size(), vocab.size());
    ASSERT_EQ(merges.size(), static_cast<size_t>(vocab_size - kSynthTokenizerMinVocab));
    for (size_t i = 0; i < merges.size(); ++i) {
      const std::string merge = merges[i];
      const size_t space = merge.find(' ');
      const std::string left = merge.substr(0, space);
      const std::string right = merge.substr(space + 1);
      EXPECT_LT(vocab.at(left), vocab.at(left + right));
      EXPECT_LT(vocab.at(right), vocab.at(left + right));
      EXPECT_EQ(vocab.at(left + right), kSynthTokenizerMinVocab + static_cast<int>(i));
    }
    for (const auto& token : json["added_tokens"]) {
      EXPECT_EQ(vocab.at(token["content"].get<std::string>()), token["id"]);
    }
    const TokenizerIds found = tokenizer_ids(json.dump(), "t");
    EXPECT_EQ(found.count, vocab_size);
    EXPECT_EQ(found.bos, 0);
    EXPECT_EQ(found.eos, 1);
  }
}

TEST(SynthDrafter, IsOfEitherKind) {
  EXPECT_EQ(synth_config({.preset = "pico"}).drafter, DrafterKind::kMtp);
  EXPECT_EQ(synth_config({.preset = "pico", .drafter = "none"}).drafter_stages, 0);
  EXPECT_THROW(synth_config({.preset = "pico", .drafter = "both"}), Error);
  const ModelConfig flash = synth_config({.preset = "flash", .layers = 6, .drafter = "dspark"});
  EXPECT_EQ(flash.dspark,
            (DsparkConfig{
                .block_size = 5, .noise_token = 128799, .taps = {3, 4, 5}, .markov_rank = 256}));
  const test::TemporaryDirectory directory;
  write_synthetic_checkpoint({.preset = "pico", .layers = 2, .drafter = "dspark"},
                             directory / "model");
  const Checkpoint checkpoint = Checkpoint::open(directory / "model");
  EXPECT_EQ(checkpoint.config().usable_stages(), 3);
  EXPECT_EQ(checkpoint.config().dspark.taps, (std::vector<int>{0, 1}));
  EXPECT_TRUE(checkpoint.unused_tensors().empty());
}

}  // namespace
}  // namespace hadal
