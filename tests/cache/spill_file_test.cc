#include "cache/spill_file.h"

#include <csignal>
#include <sys/resource.h>

#include "base/error.h"
#include "support/pico_model.h"

namespace hadal {
namespace {

using namespace testing_cache;

const Oracle& oracle() {
  static const Oracle instance(random_tokens(280, 3));
  return instance;
}

const std::filesystem::path& temporary() {
  static const std::filesystem::path path = std::filesystem::temp_directory_path();
  return path;
}

constexpr uint64_t kMegabytes = 1 << 20;

// Other engines lose the state of a sequence that made way, or give it back in pieces: the sequence
// goes on in other blocks, which are full of NaNs before.
TEST(SpillFile, SequencesGoOnWithTheSameBits) {
  const CacheLayout& layout = Pico::get().layout();
  SpillFile file(temporary(), 64 * kMegabytes, layout.block_bytes);
  for (const int length : {1, 100, 128, 131, 257}) {
    BlockPool pool(layout.block_bytes, 64);
    SequenceCache cache;
    ASSERT_TRUE(reserve_sequence(pool, layout, 280, cache));
    ASSERT_TRUE(advance_matches(oracle(), length, 64, pool, cache));
    cache.drafter_length = length - 1;
    const auto spilled = file.spill(pool, layout, cache);
    ASSERT_TRUE(spilled);
    EXPECT_EQ(file.statistics().used, layout.state_units + layout.pages_for(length));
    release_sequence(pool, cache);
    poison_free_blocks(pool);
    std::vector<int32_t> in_the_way;
    ASSERT_TRUE(pool.allocate(3, in_the_way));
    ASSERT_EQ(file.restore(*spilled, layout, pool, cache), SpillFile::Outcome::kRestored);
    EXPECT_EQ(cache.length, length);
    EXPECT_EQ(cache.drafter_length, length - 1);
    EXPECT_EQ(file.statistics().used, 0);
    ASSERT_TRUE(reserve_sequence(pool, layout, 280, cache));
    EXPECT_TRUE(advance_matches(oracle(), 280, 50, pool, cache)) << "spilled at " << length;
  }
  EXPECT_EQ(file.statistics().restored_sequences, 5);
}

TEST(SpillFile, PagesThatStayAreNotWritten) {
  const CacheLayout& layout = Pico::get().layout();
  SpillFile file(temporary(), 64 * kMegabytes, layout.block_bytes);
  BlockPool pool(layout.block_bytes, 64);
  SequenceCache cache;
  ASSERT_TRUE(reserve_sequence(pool, layout, 280, cache));
  ASSERT_TRUE(advance_matches(oracle(), 200, 64, pool, cache));
  const auto spilled = file.spill(pool, layout, cache, 1);
  ASSERT_TRUE(spilled);
  EXPECT_EQ(file.statistics().used, layout.state_units + 1);
  SequenceCache rest{.pages = {cache.pages[0]}};
  pool.retain(rest.pages[0]);
  release_sequence(pool, cache);
  poison_free_blocks(pool);
  ASSERT_EQ(file.restore(*spilled, layout, pool, rest), SpillFile::Outcome::kRestored);
  ASSERT_TRUE(reserve_sequence(pool, layout, 280, rest));
  EXPECT_TRUE(advance_matches(oracle(), 280, 50, pool, rest));
}

TEST(SpillFile, RefusesWhatDoesNotFitAndKeepsTheRest) {
  const CacheLayout& layout = Pico::get().layout();
  const auto blocks = static_cast<uint64_t>(blocks_for_sequence(layout, 100));
  SpillFile file(temporary(), blocks * layout.block_bytes, layout.block_bytes);
  BlockPool pool(layout.block_bytes, 64);
  SequenceCache cache;
  ASSERT_TRUE(reserve_sequence(pool, layout, 280, cache));
  ASSERT_TRUE(advance_matches(oracle(), 100, 64, pool, cache));
  const auto first = file.spill(pool, layout, cache);
  ASSERT_TRUE(first);
  EXPECT_FALSE(file.spill(pool, layout, cache));
  EXPECT_EQ(file.statistics().refused, 1);
  file.discard(*first);
  EXPECT_EQ(file.statistics().used, 0);
  EXPECT_TRUE(file.spill(pool, layout, cache));
}

TEST(SpillFile, AFullDiskIsARefusal) {
  const CacheLayout& layout = Pico::get().layout();
  SpillFile file(temporary(), 64 * kMegabytes, layout.block_bytes);
  BlockPool pool(layout.block_bytes, 64);
  SequenceCache cache;
  ASSERT_TRUE(reserve_sequence(pool, layout, 1, cache));
  ASSERT_TRUE(advance_matches(oracle(), 1, 1, pool, cache));
  struct rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = before;
  limit.rlim_cur = layout.block_bytes + 100;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto spilled = file.spill(pool, layout, cache);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_FALSE(spilled);
  EXPECT_EQ(file.statistics().used, 0);
}

TEST(SpillFile, AShortPoolChangesNothing) {
  const CacheLayout& layout = Pico::get().layout();
  SpillFile file(temporary(), 64 * kMegabytes, layout.block_bytes);
  BlockPool pool(layout.block_bytes, blocks_for_sequence(layout, 100));
  SequenceCache cache;
  ASSERT_TRUE(reserve_sequence(pool, layout, 100, cache));
  ASSERT_TRUE(advance_matches(oracle(), 100, 64, pool, cache));
  const auto spilled = file.spill(pool, layout, cache);
  ASSERT_TRUE(spilled);
  SequenceCache other;
  EXPECT_EQ(file.restore(*spilled, layout, pool, other), SpillFile::Outcome::kNoRoom);
  EXPECT_TRUE(other.pages.empty());
  release_sequence(pool, cache);
  EXPECT_EQ(file.restore(*spilled, layout, pool, other), SpillFile::Outcome::kRestored);
}

TEST(SpillFile, WhatComesBackChangedIsLostNotWrong) {
  const CacheLayout& layout = Pico::get().layout();
  SpillFile file(temporary(), 64 * kMegabytes, layout.block_bytes);
  BlockPool pool(layout.block_bytes, 64);
  SequenceCache cache;
  ASSERT_TRUE(reserve_sequence(pool, layout, 100, cache));
  ASSERT_TRUE(advance_matches(oracle(), 100, 64, pool, cache));
  auto spilled = file.spill(pool, layout, cache);
  ASSERT_TRUE(spilled);
  std::swap(spilled->pages[0].place, spilled->state_units[0].place);
  SequenceCache other;
  EXPECT_EQ(file.restore(*spilled, layout, pool, other), SpillFile::Outcome::kLost);
  EXPECT_TRUE(other.pages.empty() && other.state_units.empty());
  EXPECT_EQ(file.statistics().used, 0);
}

TEST(SpillFile, NeedsAUsableDirectory) {
  EXPECT_THROW(SpillFile("/nonexistent/directory", kMegabytes, 4096), Error);
}

}  // namespace
}  // namespace hadal
