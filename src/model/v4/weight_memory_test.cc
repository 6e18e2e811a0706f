#include "model/v4/weight_memory.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>

#include "base/as_size.h"
#include "cache/block_pool.h"
#include "checkpoint/v4/catalogue.h"
#include "model/v4/v4_model.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

constexpr int64_t kGib = int64_t{1} << 30;

MemoryBound pages(int64_t free) { return {.limit_bytes = 2 * free, .free_bytes = free}; }
MemoryBound own_memory(int64_t free) {
  return {.limit_bytes = 2 * free, .free_bytes = free, .kind = MemoryKind::kPrivate};
}

TEST(WeightMemoryTest, LeavesRoomForTheCacheWithinEveryBound) {
  const std::vector<MemoryBound> machine = {pages(100 * kGib)};
  EXPECT_TRUE(has_room_for_copy(machine, 80 * kGib, 18 * kGib, 1));
  EXPECT_FALSE(has_room_for_copy(machine, 80 * kGib, 19 * kGib, 1));  // 2 GiB for the rest
  EXPECT_FALSE(has_room_for_copy(machine, 80 * kGib, 0, 2));
  EXPECT_TRUE(has_room_for_copy(machine, 40 * kGib, 18 * kGib, 2));
  EXPECT_FALSE(
      has_room_for_copy(std::vector{pages(100 * kGib), pages(50 * kGib)}, 49 * kGib, 0, 1));
  // What is this process's own counts once, whether or not the system caches the files as well.
  const std::vector<MemoryBound> limited = {pages(200 * kGib), own_memory(90 * kGib)};
  EXPECT_TRUE(has_room_for_copy(limited, 80 * kGib, 8 * kGib, 2));
  EXPECT_FALSE(has_room_for_copy(limited, 85 * kGib, 8 * kGib, 1));
  EXPECT_TRUE(has_room_for_copy({}, kGib, kGib, 1));
}

class PlacedPicoTest : public testing::Test {
 protected:
  PlacedPicoTest()
      : checkpoint_(Checkpoint::open(test::source_path("tests/golden/data/model/pico/model"))) {}

  std::vector<float> logits(const WeightMemoryOptions& wish, WeightPlace expected) {
    ModelOptions options{
        .activations = ActivationPolicy::kInt8,
        .int8_weights = {.cache_directory = directory_.path(), .least_file_bytes = 0},
        .weight_memory = wish};
    options.weight_memory.notice = [this](const std::string& message) { notice_ = message; };
    V4Model model(checkpoint_, threads_, options);
    EXPECT_EQ(model.weight_place(), expected);
    const std::vector<int32_t> tokens = {5, 17, 99, 3, 250, 7, 7, 42};
    const int count = static_cast<int>(tokens.size());
    const CacheLayout& layout = model.cache_layout();
    BlockPool pool(layout.block_bytes, blocks_for_sequence(layout, count));
    SequenceCache cache;
    EXPECT_TRUE(reserve_sequence(pool, layout, count, cache));
    const BatchEntry entry{.cache = &cache, .tokens = tokens, .logit_rows = count};
    const StepPlanner planner = make_step_plan({&entry, 1}, layout);
    Step step;
    model.forward(planner.plan(), pool.view(), step);
    return {step.logits.data(), step.logits.data() + tokens.size() * as_size(model.vocab_size())};
  }

  test::TemporaryDirectory directory_;
  ThreadPool threads_{2};
  Checkpoint checkpoint_;
  std::string notice_;
};

TEST_F(PlacedPicoTest, NoBitDependsOnThePlace) {
  const std::vector<float> mapped = logits({.wish = WeightMemory::kMapped}, WeightPlace::kMapped);
  EXPECT_EQ(notice_, "");
  const std::vector<float> copied = logits({.wish = WeightMemory::kCopied}, WeightPlace::kCopied);
  EXPECT_NE(notice_.find("copied into huge pages"), std::string::npos) << notice_;
  ASSERT_EQ(mapped.size(), copied.size());
  EXPECT_EQ(std::memcmp(mapped.data(), copied.data(), mapped.size() * sizeof(float)), 0);
}

TEST_F(PlacedPicoTest, FewBytesStayMappedUnlessWanted) {
  logits({.wish = WeightMemory::kAuto}, WeightPlace::kMapped);
  EXPECT_EQ(notice_, "");
}

TEST_F(PlacedPicoTest, WithoutRoomTheWeightsStayWhereTheyAre) {
  WeightMemoryOptions wish{.wish = WeightMemory::kAuto, .least_bytes = 0, .bounds = {pages(4096)}};
  wish.notice = [this](const std::string& message) { notice_ = message; };
  const ModelWeights weights = bind_weights(checkpoint_);
  const std::vector<const MappedFile*> files = checkpoint_.files();
  const WeightPlace place = place_weights(weights, files, threads_, wish);
  EXPECT_NE(place, WeightPlace::kCopied);
  if (place == WeightPlace::kMappedNoRoom) {
    EXPECT_NE(notice_.find("no room"), std::string::npos) << notice_;
  }
}

// Every byte of the checkpoint's matrices but the embedding's, and none twice.
TEST_F(PlacedPicoTest, AllMatricesAreInUse) {
  const ModelWeights weights = bind_weights(checkpoint_);
  const auto bytes_of = [&](bool with_drafter) {
    size_t sum = 0;
    std::vector<const std::byte*> seen;
    for (const std::span<const std::byte> range : bytes_in_use(weights, with_drafter)) {
      if (std::find(seen.begin(), seen.end(), range.data()) != seen.end()) continue;
      seen.push_back(range.data());
      sum += range.size();
    }
    return sum;
  };
  const CatalogueTotals totals = catalogue_totals(checkpoint_.config());
  const auto embedding = static_cast<size_t>(totals.part(Part::kEmbedding));
  const size_t all = static_cast<size_t>(totals.bytes) - embedding;
  EXPECT_LE(bytes_of(true), all);
  EXPECT_GE(bytes_of(true), all - all / 30);  // without norms, biases and tables
  EXPECT_LT(bytes_of(false), bytes_of(true));
}

}  // namespace
}  // namespace hadal
