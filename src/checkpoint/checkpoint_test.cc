#include "checkpoint/checkpoint.h"

#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/catalogue.h"
#include "checkpoint/nan_scan.h"

namespace hadal {
namespace {

using Json = nlohmann::json;

const std::filesystem::path kSource = HADAL_SOURCE_DIR;
const std::filesystem::path kPico = kSource / "tests/golden/data/model/pico/model";
constexpr char kIndexName[] = "model.safetensors.index.json";

void write_file(const std::filesystem::path& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

struct StoredTensor {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape = {};
  std::string bytes = {};
};

// A copy of the pico checkpoint in a folder of its own, in two shards, with any faults.
class PicoCopy : public testing::Test {
 protected:
  PicoCopy() {
    std::string name = testing::TempDir() + "hadal-checkpoint-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    std::filesystem::copy(kPico / "config.json", directory_);
    const SafetensorsFile file(kPico / "model-00001-of-00001.safetensors");
    for (const SafetensorsEntry& entry : file.entries()) {
      const TensorView view = file.view(entry);
      tensors_[entry.name] = {
          entry.dtype, entry.shape,
          std::string(reinterpret_cast<const char*>(view.data), entry.end - entry.begin)};
    }
  }
  ~PicoCopy() override { std::filesystem::remove_all(directory_); }

  static std::string shard_of(const std::string& name) {
    return name.starts_with("layers.0.") ? "a.safetensors" : "b.safetensors";
  }

  // Writes tensors_ as two shards and their index.
  void write() const {
    Json index;
    for (const std::string shard : {"a.safetensors", "b.safetensors"}) {
      std::vector<SafetensorsWriter::Declaration> declarations;
      for (const auto& [name, tensor] : tensors_) {
        if (shard_of(name) != shard) continue;
        declarations.push_back({name, tensor.dtype, tensor.shape});
        index["weight_map"][name] = shard;
      }
      SafetensorsWriter writer(directory_ / shard, declarations);
      for (const auto& declaration : declarations) {
        writer.write(std::as_bytes(std::span(tensors_.at(declaration.name).bytes)));
      }
      writer.finish();
    }
    write_file(directory_ / kIndexName, index.dump());
  }

  void change_index(const std::function<void(Json&)>& change) const {
    Json index = Json::parse(read_text_file(directory_ / kIndexName, 1 << 24));
    change(index);
    write_file(directory_ / kIndexName, index.dump());
  }

  void change_config(const std::string& field, const Json& value) const {
    Json config = Json::parse(read_text_file(directory_ / "config.json", 1 << 20));
    config[field] = value;
    write_file(directory_ / "config.json", config.dump());
  }

  std::string refusal() const {
    try {
      Checkpoint::open(directory_);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  void expect_refusal(const std::string& part) const {
    const std::string line = refusal();
    EXPECT_NE(line.find(part), std::string::npos) << line;
    EXPECT_NE(line.find(directory_.string()), std::string::npos) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
  }

  std::filesystem::path directory_;
  std::map<std::string, StoredTensor> tensors_;
};

TEST(Checkpoint, OpensTheModelsOfTheRepository) {
  for (const char* path : {"tests/golden/data/model/pico/model",
                           "tests/golden/data/model/pico-flash/model", "models/nano"}) {
    const Checkpoint checkpoint = Checkpoint::open(kSource / path);
    for (const TensorSpec& spec : catalogue(checkpoint.config())) {
      EXPECT_EQ(checkpoint.tensor(spec.name).shape, spec.shape) << spec.name;
    }
    EXPECT_EQ(checkpoint.shard_count(), 1U);
    EXPECT_TRUE(checkpoint.unused_tensors().empty());
    EXPECT_FALSE(checkpoint.has("layers.99.attn_norm.weight"));
    EXPECT_THROW(checkpoint.tensor("layers.99.attn_norm.weight"), Error);
    uint64_t last = 0;
    checkpoint.verify([&](uint64_t done, uint64_t total) {
      EXPECT_LE(done, total);
      EXPECT_GT(done, last);
      last = done;
    });
    EXPECT_GT(last, 0U);
  }
}

TEST_F(PicoCopy, OpensSeveralShardsAndASingleFile) {
  write();
  const Checkpoint sharded = Checkpoint::open(directory_);
  EXPECT_EQ(sharded.shard_count(), 2U);
  EXPECT_EQ(std::memcmp(sharded.tensor("layers.0.attn.wq_a.weight").data,
                        tensors_.at("layers.0.attn.wq_a.weight").bytes.data(), 100),
            0);

  std::filesystem::remove(directory_ / kIndexName);
  std::filesystem::copy(kPico / "model-00001-of-00001.safetensors",
                        directory_ / "model.safetensors");
  EXPECT_EQ(Checkpoint::open(directory_).shard_count(), 1U);
}

TEST_F(PicoCopy, TheFingerprintFollowsTheContents) {
  write();
  const uint64_t first = Checkpoint::open(directory_).fingerprint();
  EXPECT_EQ(Checkpoint::open(directory_).fingerprint(), first);
  change_config("rms_norm_eps", 1e-5);
  EXPECT_NE(Checkpoint::open(directory_).fingerprint(), first);
  change_config("rms_norm_eps", 1e-6);
  for (auto& [name, tensor] : tensors_) {
    if (tensor.dtype == DType::kI8) tensor.bytes[0] ^= 1;
  }
  write();
  EXPECT_NE(Checkpoint::open(directory_).fingerprint(), first);
}

TEST_F(PicoCopy, NamesAMissingShardOnly) {
  write();
  std::filesystem::remove(directory_ / "a.safetensors");
  expect_refusal("shard a.safetensors is missing");
  EXPECT_EQ(refusal().find("tensor '"), std::string::npos) << refusal();
}

TEST_F(PicoCopy, NamesTensorsThatTheIndexMisplaces) {
  write();
  change_index([](Json& index) {
    index["weight_map"]["norm.weight"] = "a.safetensors";
    index["weight_map"].erase("head.weight");
  });
  expect_refusal("tensor 'norm.weight' lies in b.safetensors, but the index does not put it there");
  expect_refusal("tensor 'norm.weight' is not in a.safetensors, where the index puts it");
  expect_refusal("tensor 'head.weight' is missing");
}

TEST_F(PicoCopy, TellsAllProblemsAtOnce) {
  tensors_.erase("layers.1.attn.attn_sink");
  tensors_["layers.1.attn.odd"] = {DType::kF32, {1}, "1234"};
  tensors_["embed.weight"].shape = {512, 128};
  tensors_["norm.weight"] = {DType::kF32, {256}, std::string(1024, '\0')};
  write();
  expect_refusal("tensor 'layers.1.attn.attn_sink' is missing");
  expect_refusal("tensor 'layers.1.attn.odd' is surplus");
  expect_refusal("tensor 'embed.weight' is BF16 [512, 128], but must be BF16 [256, 256]");
  expect_refusal("tensor 'norm.weight' is F32 [256], but must be BF16 [256]");
}

TEST_F(PicoCopy, CapsALongListOfProblems) {
  write();
  change_config("hidden_size", 512);
  const std::string line = refusal();
  EXPECT_NE(line.find(" more problems"), std::string::npos) << line;
  EXPECT_LT(line.size(), 4000U);
}

TEST_F(PicoCopy, RefusesNanScales) {
  std::string& scales = tensors_.at("layers.2.ffn.experts.3.w2.scale").bytes;
  scales[scales.size() - 1] = '\xff';
  write();
  expect_refusal("tensor 'layers.2.ffn.experts.3.w2.scale' holds a NaN scale (element 1023)");
}

TEST_F(PicoCopy, VerifyFindsNansInWeights) {
  tensors_.at("layers.0.attn.wkv.weight").bytes[5] = '\x7f';   // e4m3
  tensors_.at("norm.weight").bytes.replace(4, 2, "\xc1\x7f");  // bf16
  tensors_.at("hc_head_base").bytes.replace(8, 4, "\x01\x00\x80\xff", 4);
  write();
  const Checkpoint checkpoint = Checkpoint::open(directory_);
  try {
    checkpoint.verify({});
    FAIL();
  } catch (const Error& error) {
    const std::string line = error.what();
    EXPECT_NE(line.find("'layers.0.attn.wkv.weight' holds a NaN (element 5)"), std::string::npos)
        << line;
    EXPECT_NE(line.find("'norm.weight' holds a NaN (element 2)"), std::string::npos) << line;
    EXPECT_NE(line.find("'hc_head_base' holds a NaN (element 2)"), std::string::npos) << line;
  }
}

TEST_F(PicoCopy, LeavesADsparkDrafterUnused) {
  for (const char* name :
       {"mtp.0.main_proj.weight", "mtp.1.attn_norm.weight", "mtp.2.markov_head.markov_w1.weight"}) {
    tensors_[name] = {DType::kBf16, {2}, "abcd"};
  }
  write();
  const Checkpoint checkpoint = Checkpoint::open(directory_);
  EXPECT_EQ(checkpoint.config().drafter, DrafterKind::kDspark);
  EXPECT_EQ(checkpoint.config().drafter_stages, 3);
  size_t mtp_tensors = 0;
  for (const auto& [name, tensor] : tensors_) mtp_tensors += name.starts_with("mtp.") ? 1 : 0;
  EXPECT_EQ(checkpoint.unused_tensors().size(), mtp_tensors);

  tensors_["mtpx.weight"] = {DType::kBf16, {2}, "abcd"};
  write();
  expect_refusal("'mtpx.weight' is surplus");
}

TEST_F(PicoCopy, RefusesAnIndexThatLeavesTheDirectory) {
  write();
  for (const char* name : {"../b.safetensors", "/etc/passwd", "..", "", "x/b.safetensors"}) {
    change_index([&](Json& index) { index["weight_map"]["norm.weight"] = name; });
    expect_refusal("which is not the name of a file in this directory");
  }
  change_index([](Json& index) { index["weight_map"]["norm.weight"] = 7; });
  expect_refusal("gives no file for tensor 'norm.weight'");
  for (const char* index : {"{}", "[]", "{\"weight_map\":{}}", "{\"weight_map\":[]}"}) {
    write_file(directory_ / kIndexName, index);
    expect_refusal("has no weight_map");
  }
  write_file(directory_ / kIndexName, "{\"weight_map\":");
  expect_refusal("is not valid JSON");
}

TEST_F(PicoCopy, SaysWhenThereAreNoWeights) {
  expect_refusal("holds a config.json but no weights");
}

TEST_F(PicoCopy, NamesTheDamagedShard) {
  write();
  std::filesystem::resize_file(directory_ / "b.safetensors", 100'000);
  expect_refusal("b.safetensors: tensor '");
}

}  // namespace
}  // namespace hadal
