#include "model/v4/int8_weights.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <set>

#include "base/unaligned.h"
#include "numeric/bf16.h"
#include "numeric/e4m3.h"
#include "numeric/e8m0.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

fs::path golden_model(const char* name) {
  return test::source_path("tests/golden/data/model") / name / "model";
}

class Int8WeightsTest : public testing::Test {
 protected:
  Int8WeightsTest() : checkpoint_(Checkpoint::open(golden_model("pico"))) {}

  Int8WeightsOptions options() {
    return {.cache_directory = directory_,
            .least_file_bytes = 0,
            .notice = [this](const std::string& message) { notices_.push_back(message); }};
  }
  fs::path only_file() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory_)) files.push_back(entry.path());
    EXPECT_EQ(files.size(), 1U);
    return files.empty() ? fs::path() : files.front();
  }

  Checkpoint checkpoint_;
  ThreadPool threads_{2};
  test::TemporaryDirectory scratch_;
  fs::path directory_ = scratch_.path();
  std::vector<std::string> notices_;
};

float weight_at(const WeightMatrix& matrix, size_t feature, size_t column) {
  const auto columns = static_cast<size_t>(matrix.in_features);
  const size_t place = feature * columns + column;
  if (matrix.format == WeightFormat::kBf16) {
    return bf16_decode(load_unaligned<uint16_t>(matrix.data + place * sizeof(uint16_t)));
  }
  const float scale = e8m0_decode(
      std::to_integer<uint8_t>(matrix.scale[feature / 128 * (columns / 128) + column / 128]));
  return scale * e4m3_decode(std::to_integer<uint8_t>(matrix.data[place]));
}

// Every code of a matrix, decoded, against the weight it stands for.
void expect_close(const WeightMatrix& matrix) {
  ASSERT_NE(matrix.int8.codes, nullptr);
  const auto columns = static_cast<size_t>(matrix.in_features);
  for (size_t feature = 0; feature < static_cast<size_t>(matrix.out_features); ++feature) {
    for (size_t block = 0; block < columns / 128; ++block) {
      const float scale =
          matrix.int8.scales[(feature / 16 * (columns / 128) + block) * 16 + feature % 16];
      for (size_t i = 0; i < 128; ++i) {
        const size_t column = i < 64 ? 2 * i : 2 * (i - 64) + 1;
        const size_t tile = feature / 16 * columns * 16;
        const int code =
            matrix.int8.codes[tile + ((block * 128 + i) / 4 * 16 + feature % 16) * 4 + i % 4] - 128;
        const float value = weight_at(matrix, feature, block * 128 + column);
        EXPECT_NEAR(static_cast<float>(code) * scale, value, 0.501F * scale);
      }
    }
  }
}

TEST_F(Int8WeightsTest, HoldsEveryFp8MatrixToHalfAStep) {
  ModelWeights weights = bind_weights(checkpoint_);
  const auto int8 = Int8Weights::attach(weights, threads_, {});
  EXPECT_FALSE(int8->in_file());
  for (const LayerWeights& layer : weights.layers) {
    expect_close(layer.attention.wq_a);
    expect_close(layer.attention.wo_b);
    expect_close(layer.moe.shared.w2);
  }
  expect_close(weights.mtp->h_proj);
}

// Guesses are checked; what is sampled comes from the head as the checkpoint has it.
TEST_F(Int8WeightsTest, OnlyTheDraftersHeadBecomesInt8) {
  ModelWeights weights = bind_weights(checkpoint_);
  ASSERT_EQ(weights.output.format, WeightFormat::kBf16);
  const auto int8 = Int8Weights::attach(weights, threads_, {});
  EXPECT_EQ(weights.output.int8.codes, nullptr);
  expect_close(weights.draft_output);
  ModelWeights without = bind_weights(checkpoint_);
  without.mtp.reset();
  const auto fewer = Int8Weights::attach(without, threads_, {});
  EXPECT_EQ(without.draft_output.int8.codes, nullptr);
}

TEST_F(Int8WeightsTest, IsMadeOnceAndMappedFromThenOn) {
  ModelWeights first = bind_weights(checkpoint_);
  const auto made = Int8Weights::attach(first, threads_, options());
  EXPECT_TRUE(made->in_file());
  const fs::path file = only_file();
  const auto written = fs::last_write_time(file);
  ModelWeights second = bind_weights(checkpoint_);
  const auto found = Int8Weights::attach(second, threads_, options());
  EXPECT_TRUE(found->in_file());
  EXPECT_EQ(fs::last_write_time(file), written);
  EXPECT_TRUE(notices_.empty());
  expect_close(second.layers[2].attention.wq_b);
  expect_close(second.mtp->e_proj);
}

// Without an end a bar goes on, and the next repack is shown as if it took as long as all before.
TEST_F(Int8WeightsTest, ProgressGoesForwardToItsEnd) {
  uint64_t last = 0;
  uint64_t whole = 0;
  ModelWeights weights = bind_weights(checkpoint_);
  Int8Weights::attach(weights, threads_,
                      {.progress = [&](const char*, uint64_t done, uint64_t total) {
                        EXPECT_GE(done, last);
                        last = done;
                        whole = total;
                      }});
  EXPECT_GT(whole, 0U);
  EXPECT_EQ(last, whole);
}

TEST_F(Int8WeightsTest, DamagedFilesAreMadeAnew) {
  {
    ModelWeights weights = bind_weights(checkpoint_);
    Int8Weights::attach(weights, threads_, options());
  }
  const fs::path path = only_file();
  const auto size = fs::file_size(path);
  const std::vector<size_t> offsets = {0, 8, 16, 4096, static_cast<size_t>(size) - 1};
  for (const size_t offset : offsets) {
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(offset));
      const int old = file.get();
      file.seekp(static_cast<std::streamoff>(offset));
      file.put(static_cast<char>(old ^ 0x20));
    }
    notices_.clear();
    ModelWeights weights = bind_weights(checkpoint_);
    const auto int8 = Int8Weights::attach(weights, threads_, options());
    EXPECT_TRUE(int8->in_file());
    EXPECT_EQ(notices_.size(), 1U) << "byte " << offset;
    expect_close(weights.layers[0].attention.wkv);
  }
  fs::resize_file(path, size / 2);
  notices_.clear();
  ModelWeights weights = bind_weights(checkpoint_);
  const auto int8 = Int8Weights::attach(weights, threads_, options());
  EXPECT_TRUE(int8->in_file());
  EXPECT_EQ(notices_.size(), 1U);
  EXPECT_EQ(fs::file_size(path), size);
}

// What the first version's header was: hashes of 64 bits, and the number 1.
TEST_F(Int8WeightsTest, AFileOfAnOlderVersionIsMadeAnew) {
  {
    ModelWeights weights = bind_weights(checkpoint_);
    Int8Weights::attach(weights, threads_, options());
  }
  const fs::path path = only_file();
  struct OlderHeader {
    char magic[8];
    uint32_t version;
    uint32_t matrices;
    uint64_t source_hash;
    uint64_t payload_bytes;
    uint64_t payload_hash;
    uint64_t zeros[3];
  } header = {.magic = {'h', 'a', 'd', 'a', 'l', 'I', '8', '\0'},
              .version = 1,
              .matrices = 30,
              .source_hash = 0x0123456789abcdef,
              .payload_bytes = fs::file_size(path) - 4096,
              .payload_hash = 0xfedcba9876543210,
              .zeros = {}};
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.write(reinterpret_cast<const char*>(&header), sizeof header);
  }
  ModelWeights weights = bind_weights(checkpoint_);
  const auto int8 = Int8Weights::attach(weights, threads_, options());
  EXPECT_TRUE(int8->in_file());
  ASSERT_EQ(notices_.size(), 1U);
  EXPECT_NE(notices_[0].find("is of another version; making it anew"), std::string::npos);
  ModelWeights again = bind_weights(checkpoint_);
  const auto found = Int8Weights::attach(again, threads_, options());
  EXPECT_TRUE(found->in_file());
  EXPECT_EQ(notices_.size(), 1U);
  expect_close(again.layers[0].attention.wkv);
}

TEST_F(Int8WeightsTest, WhatIsNotItsOwnIsLeftAndTheWeightsStayInMemory) {
  {
    ModelWeights weights = bind_weights(checkpoint_);
    Int8Weights::attach(weights, threads_, options());
  }
  const fs::path path = only_file();
  const auto expect_left = [&](const std::string& what) {
    notices_.clear();
    ModelWeights weights = bind_weights(checkpoint_);
    const auto int8 = Int8Weights::attach(weights, threads_, options());
    EXPECT_FALSE(int8->in_file()) << what;
    EXPECT_EQ(notices_.size(), 1U) << what;
    expect_close(weights.layers[0].attention.wkv);
  };
  std::ofstream(path, std::ios::binary | std::ios::trunc) << "my own notes, please keep\n";
  expect_left("notes");
  EXPECT_EQ(fs::file_size(path), 26U);
  fs::remove(path);
  fs::create_directories(path / "inside");
  expect_left("directory");
  EXPECT_TRUE(fs::exists(path / "inside"));
  fs::remove_all(path);
  fs::create_symlink("nowhere", path);
  expect_left("link");
  EXPECT_TRUE(fs::is_symlink(path));
}

TEST_F(Int8WeightsTest, ModelsDoNotShareAFile) {
  const Checkpoint other = Checkpoint::open(test::source_path("models/nano"));
  ModelWeights mine = bind_weights(checkpoint_);
  ModelWeights others = bind_weights(other);
  const auto a = Int8Weights::attach(mine, threads_, options());
  const auto b = Int8Weights::attach(others, threads_, options());
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(directory_)) files += entry.is_regular_file();
  EXPECT_EQ(files, 2U);
}

TEST_F(Int8WeightsTest, WithoutAWritableDirectoryTheWeightsStayInMemory) {
  ModelWeights weights = bind_weights(checkpoint_);
  Int8WeightsOptions unwritable = options();
  unwritable.cache_directory = "/proc/hadal";
  const auto int8 = Int8Weights::attach(weights, threads_, unwritable);
  EXPECT_FALSE(int8->in_file());
  EXPECT_EQ(notices_.size(), 1U);
  expect_close(weights.layers[1].attention.wq_a);
}

}  // namespace
}  // namespace hadal
