#include "checkpoint/v4/checkpoint.h"

#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/nan_scan.h"
#include "checkpoint/v4/catalogue.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

using Json = nlohmann::json;

const std::filesystem::path kSource = test::source_dir();
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
    std::filesystem::copy(kPico / "config.json", directory_);
    const SafetensorsFile file(kPico / "model-00001-of-00001.safetensors");
    for (const SafetensorsEntry& entry : file.entries()) {
      const TensorView view = file.view(entry);
      tensors_[entry.name] = {
          entry.dtype, entry.shape,
          std::string(reinterpret_cast<const char*>(view.data), entry.end - entry.begin)};
    }
  }

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

  test::TemporaryDirectory scratch_;
  std::filesystem::path directory_ = scratch_.path();
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
  const Hash128 first = Checkpoint::open(directory_).fingerprint();
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
  expect_refusal("1 of 2 shards, a.safetensors, is missing");
  expect_refusal("fetch what is missing");
  EXPECT_EQ(refusal().find("tensor '"), std::string::npos) << refusal();
}

TEST_F(PicoCopy, CountsMissingShardsAndNamesTheFirst) {
  write();
  change_index([](Json& index) {
    int number = 0;
    for (auto& [name, shard] : index["weight_map"].items()) {
      if (number < 12) shard = "part-" + std::string(1, static_cast<char>('a' + number++));
    }
  });
  expect_refusal("12 of 14 shards are missing: part-a, part-b, part-c, part-d, part-e, ...");
}

TEST_F(PicoCopy, NamesTheRemainsOfADownload) {
  write();
  std::filesystem::rename(directory_ / "a.safetensors", directory_ / "a.safetensors.part");
  expect_refusal("a.safetensors (a.safetensors.part is: its download is not finished)");
  std::filesystem::create_directories(directory_ / ".cache/huggingface/download");
  write_file(directory_ / ".cache/huggingface/download/x.incomplete", "x");
  expect_refusal("an unfinished download, x.incomplete");
  std::filesystem::rename(directory_ / "a.safetensors.part", directory_ / "a.safetensors");
  write_file(directory_ / "a.safetensors.aria2", "x");
  expect_refusal("a.safetensors: is not downloaded to its end");
}

TEST_F(PicoCopy, NamesTheBlobThatALinkLacks) {
  write();
  std::filesystem::create_directories(directory_ / "blobs");
  std::filesystem::rename(directory_ / "a.safetensors", directory_ / "blobs/0123");
  std::filesystem::create_symlink("blobs/0123", directory_ / "a.safetensors");
  EXPECT_EQ(refusal(), "");
  std::filesystem::remove(directory_ / "blobs/0123");
  expect_refusal("a.safetensors (it is a symbolic link to blobs/0123, which is not there)");
}

TEST_F(PicoCopy, NamesWhatIsInPlaceOfAShard) {
  write();
  const auto expect_named = [&](const std::string& contents, const std::string& name) {
    write_file(directory_ / "a.safetensors", contents);
    expect_refusal("a.safetensors: " + name);
  };
  expect_named("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 262264\n",
               "is a Git LFS pointer, not the file itself (of 262264 bytes); run git lfs pull");
  expect_named("<!DOCTYPE html><title>Log in</title>", "holds a web page (HTML), \"Log in\"");
  expect_named("{\"error\":\"gated\"}", "holds a server's error message");
  expect_named("Entry not found", "holds \"Entry not found\" in place of the file");
  expect_named("", "is empty (0 bytes)");
  expect_named(std::string(10'000, '\0'), "begins with 4096 zeros");
  expect_named(std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10) + std::string(600'000, 'x'),
               "is compressed with gzip");
  expect_named("PK\x03\x04 archive/data.pkl", "is a PyTorch file");
  expect_named("GGUF\x03 and so on", "is a GGUF file");
  std::filesystem::remove(directory_ / "a.safetensors");
  std::filesystem::create_directories(directory_ / "a.safetensors");
  expect_refusal("a.safetensors: is a directory, not a file");
}

TEST_F(PicoCopy, OpensShardsWithoutAnIndex) {
  write();
  std::filesystem::remove(directory_ / kIndexName);
  std::filesystem::rename(directory_ / "a.safetensors",
                          directory_ / "model-00001-of-00002.safetensors");
  std::filesystem::rename(directory_ / "b.safetensors",
                          directory_ / "model-00002-of-00002.safetensors");
  const Checkpoint checkpoint = Checkpoint::open(directory_);
  EXPECT_EQ(checkpoint.shard_count(), 2U);
  EXPECT_TRUE(checkpoint.notes().empty());
  std::filesystem::copy(directory_ / "model-00001-of-00002.safetensors",
                        directory_ / "copy.safetensors");
  ASSERT_EQ(Checkpoint::open(directory_).notes().size(), 1U);
  EXPECT_NE(Checkpoint::open(directory_).notes()[0].find("are not used (copy.safetensors)"),
            std::string::npos);
}

TEST_F(PicoCopy, RunsWithoutADrafterThatWasCutAway) {
  std::erase_if(tensors_, [](const auto& entry) { return entry.first.starts_with("mtp."); });
  write();
  const Checkpoint checkpoint = Checkpoint::open(directory_);
  EXPECT_EQ(checkpoint.config().drafter, DrafterKind::kNone);
  EXPECT_EQ(checkpoint.config().drafter_stages, 0);
  ASSERT_EQ(checkpoint.notes().size(), 1U);
  EXPECT_NE(checkpoint.notes()[0].find("num_nextn_predict_layers"), std::string::npos);
  change_config("num_nextn_predict_layers", 0);
  EXPECT_TRUE(Checkpoint::open(directory_).notes().empty());
  change_config("num_nextn_predict_layers", 1);
  change_config("dspark_noise_token_id", 5);
  EXPECT_EQ(Checkpoint::open(directory_).config().drafter, DrafterKind::kNone);
  EXPECT_NE(Checkpoint::open(directory_).notes()[0].find("DSpark"), std::string::npos);
}

TEST_F(PicoCopy, ADrafterInPartIsAnErrorThatSaysHowToGoOn) {
  tensors_.erase("mtp.0.e_proj.weight");
  tensors_.erase("mtp.0.norm.weight");
  write();
  expect_refusal("tensor 'mtp.0.e_proj.weight' is missing");
  expect_refusal("tensor 'mtp.0.norm.weight' is missing");
  expect_refusal("set num_nextn_predict_layers to 0 in config.json");
  change_config("num_nextn_predict_layers", 0);
  const Checkpoint checkpoint = Checkpoint::open(directory_);
  EXPECT_EQ(checkpoint.config().drafter, DrafterKind::kNone);
  EXPECT_FALSE(checkpoint.unused_tensors().empty());
  ASSERT_EQ(checkpoint.notes().size(), 1U);
  EXPECT_NE(checkpoint.notes()[0].find("are not used"), std::string::npos);
}

// The index tells of the drafter, so it was not cut away: its shard is missing.
TEST_F(PicoCopy, AShardOfTheDrafterThatIsMissingIsAnError) {
  write();
  change_index([](Json& index) {
    for (auto& [name, shard] : index["weight_map"].items()) {
      if (name.starts_with("mtp.")) shard = "c.safetensors";
    }
  });
  expect_refusal("1 of 3 shards, c.safetensors, is missing");
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
