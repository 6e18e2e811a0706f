#include "checkpoint/shard_index.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

class ShardIndexTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text = "x") const {
    AtomicFile file(directory_ / name);
    file.write(text);
    file.commit();
  }
  void expect_refused(const std::string& part) const {
    try {
      read_shard_index(directory_);
      FAIL() << "not refused: " << part;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
  Names shards() const { return read_shard_index(directory_).shards; }

  test::TemporaryDirectory scratch_;
  fs::path directory_ = scratch_.path();
};

TEST_F(ShardIndexTest, WithoutAnIndexTheFilesThatAreThereAreTaken) {
  write("x.safetensors");
  EXPECT_EQ(shards(), Names{"x.safetensors"});
  write("model-00002-of-00002.safetensors");
  expect_refused(
      "has no model.safetensors.index.json, and 1 of 2 shards are missing: "
      "model-00001-of-00002.safetensors");
  write("model-00001-of-00002.safetensors");
  EXPECT_EQ(shards(),
            (Names{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}));
  EXPECT_EQ(read_shard_index(directory_).other_files, Names{"x.safetensors"});
  EXPECT_FALSE(read_shard_index(directory_).has_weight_map);
  write("model.safetensors");
  EXPECT_EQ(shards(), Names{"model.safetensors"});
  EXPECT_EQ(read_shard_index(directory_).other_files.size(), 3U);
}

TEST_F(ShardIndexTest, ListsHowManyShardsAreMissingAndTheFirst) {
  write("model-00003-of-00010.safetensors");
  expect_refused(
      "9 of 10 shards are missing: model-00001-of-00010.safetensors, "
      "model-00002-of-00010.safetensors, model-00004-of-00010.safetensors, ");
  expect_refused(", ...; fetch what is missing");
}

TEST_F(ShardIndexTest, RefusesShardsOfSeveralModels) {
  write("model-00001-of-00001.safetensors");
  write("model-00001-of-00002.safetensors");
  expect_refused("its shards are of more than one model");
}

TEST_F(ShardIndexTest, RefusesSeveralFilesWithoutNumbers) {
  write("a.safetensors");
  write("b.safetensors");
  expect_refused("says what the 2 safetensors files hold (a.safetensors, b.safetensors)");
}

TEST_F(ShardIndexTest, TakesTheOnlyIndexWhateverItsName) {
  write("flash.safetensors.index.json", "{\"weight_map\":{\"a\":\"b.safetensors\"}}");
  EXPECT_EQ(shards(), Names{"b.safetensors"});
  write("pro.safetensors.index.json", "{\"weight_map\":{\"a\":\"c.safetensors\"}}");
  write("model.safetensors.index.json", "{\"weight_map\":{\"a\":\"d.safetensors\"}}");
  EXPECT_EQ(shards(), Names{"d.safetensors"});
}

TEST_F(ShardIndexTest, RefusesAnIndexThatNamesATensorTwice) {
  write("model.safetensors.index.json",
        "{\"weight_map\":{\"a\":\"b.safetensors\",\"a\":\"c.safetensors\"}}");
  expect_refused("gives a twice");
}

TEST_F(ShardIndexTest, ReadsAnIndexWithAByteOrderMark) {
  write("model.safetensors.index.json",
        "\xef\xbb\xbf{\"weight_map\":\r\n{\"a\":\"b.safetensors\"}}\r\n");
  EXPECT_EQ(shards(), Names{"b.safetensors"});
}

TEST_F(ShardIndexTest, NamesWhatIsThereInPlaceOfWeights) {
  EXPECT_FALSE(has_weights(directory_));
  expect_refused("holds a config.json but no weights");
  write("model-00001-of-00002.safetensors.incomplete");
  EXPECT_TRUE(has_weights(directory_));
  expect_refused("an unfinished download: model-00001-of-00002.safetensors.incomplete");
  write("pytorch_model-00001-of-00002.bin");
  expect_refused("holds PyTorch files (pytorch_model-00001-of-00002.bin)");
  write("flash-q4.gguf");
  expect_refused("holds GGUF files (of llama.cpp) (flash-q4.gguf), but no weights as safetensors");
}

}  // namespace
}  // namespace hadal
