#include "cache/spill_file.h"

#include <future>
#include <thread>

#include "base/error.h"
#include "support/disk_gate.h"
#include "support/file_size_limit.h"
#include "support/pico_model.h"

namespace hadal {
namespace {

using namespace testing_cache;

const Oracle& spilled_oracle() {
  static const Oracle instance(random_tokens(280, 3));
  return instance;
}

constexpr uint64_t kMegabytes = 1 << 20;

SpillOptions options(uint64_t max_bytes = 64 * kMegabytes) {
  return {.directory = std::filesystem::temp_directory_path(), .max_bytes = max_bytes};
}

SpillOptions options(DiskGate& writes, DiskGate& reads) {
  SpillOptions held = options();
  held.before_write = writes.hook();
  held.before_read = reads.hook();
  return held;
}

class SpillFileTest : public testing::Test {
 protected:
  // A sequence of the oracle's first `length` tokens.
  SequenceCache computed(int length) {
    SequenceCache cache;
    EXPECT_TRUE(reserve_sequence(pool_, layout_, length, cache));
    EXPECT_TRUE(advance_matches(spilled_oracle(), length, 64, pool_, cache));
    return cache;
  }
  SpilledSequence spilled(SpillFile& file, int length) {
    SequenceCache cache = computed(length);
    std::optional<SpilledSequence> spilled = file.spill(cache);
    EXPECT_TRUE(spilled);
    return spilled.value_or(SpilledSequence{});
  }
  // Brings it back into blocks that were full of NaNs, and goes on to the end.
  void expect_same_bits(SpillFile& file, SpilledSequence& spilled,
                        std::vector<int32_t> known_pages = {}) {
    const int length = spilled.length;
    ASSERT_TRUE(file.load(spilled, known_pages));
    ASSERT_EQ(file.wait(spilled), SpillState::kRead);
    SequenceCache cache;
    file.take(spilled, cache);
    EXPECT_EQ(cache.length, length);
    ASSERT_TRUE(reserve_sequence(pool_, layout_, 280, cache));
    EXPECT_TRUE(advance_matches(spilled_oracle(), 280, 50, pool_, cache))
        << "spilled at " << length;
    release_sequence(pool_, cache);
  }

  const CacheLayout& layout_ = Pico::get().layout();
  BlockPool pool_{layout_.block_bytes, 64};
};

// Other engines lose the state of a sequence that made way, or give it back in pieces: the sequence
// goes on in other blocks, which are full of NaNs before.
TEST_F(SpillFileTest, SequencesGoOnWithTheSameBits) {
  SpillFile file(options(), pool_, layout_);
  for (const int length : {1, 100, 128, 131, 257}) {
    SequenceCache cache = computed(length);
    cache.drafter_rows = length - 1;
    std::optional<SpilledSequence> spilled = file.spill(cache);
    ASSERT_TRUE(spilled);
    EXPECT_TRUE(cache.pages.empty() && cache.state_units.empty());
    EXPECT_EQ(file.statistics().used, layout_.state_units + layout_.pages_for(length));
    EXPECT_EQ(file.wait(*spilled), SpillState::kStored);
    file.collect();
    EXPECT_EQ(file.coming_blocks(), 0);
    EXPECT_EQ(pool_.free_blocks(), pool_.capacity());
    poison_free_blocks(pool_);
    std::vector<int32_t> in_the_way;
    ASSERT_TRUE(pool_.allocate(3, in_the_way));
    EXPECT_EQ(spilled->drafter_rows, length - 1);
    expect_same_bits(file, *spilled);
    EXPECT_EQ(file.statistics().used, 0);
    pool_.release(in_the_way);
  }
  EXPECT_EQ(file.statistics().spilled_sequences, 5);
  EXPECT_EQ(file.statistics().restored_sequences, 5);
}

TEST_F(SpillFileTest, PagesThatStayAreNotWritten) {
  SpillFile file(options(), pool_, layout_);
  SequenceCache cache = computed(200);
  std::vector<int32_t> known = {cache.pages[0]};
  pool_.retain(known[0]);
  std::optional<SpilledSequence> spilled = file.spill(cache, 1);
  ASSERT_TRUE(spilled);
  EXPECT_EQ(file.statistics().used, layout_.state_units + 1);
  EXPECT_EQ(file.wait(*spilled), SpillState::kStored);
  file.collect();
  EXPECT_EQ(pool_.references(known[0]), 1);
  poison_free_blocks(pool_);
  expect_same_bits(file, *spilled, known);
}

// What the engine thread gives away is in use until it is written, and then comes back.
TEST_F(SpillFileTest, NobodyWaitsForTheDisk) {
  DiskGate writes;
  DiskGate reads;
  SpillFile file(options(writes, reads), pool_, layout_);
  writes.close();
  SequenceCache cache = computed(200);
  const int blocks = blocks_for_sequence(layout_, 200);
  EXPECT_EQ(pool_.references(cache.pages[0]), 1);
  const int32_t first_page = cache.pages[0];
  std::optional<SpilledSequence> spilled = file.spill(cache);
  ASSERT_TRUE(spilled);
  writes.wait_until_held();
  EXPECT_EQ(file.state(*spilled), SpillState::kWriting);
  EXPECT_EQ(pool_.free_blocks(), pool_.capacity() - blocks);
  EXPECT_EQ(file.coming_blocks(), blocks);
  EXPECT_EQ(file.references(first_page), 1);
  writes.pass(2);
  EXPECT_TRUE(file.wait_for_blocks());
  writes.wait_until_held();
  file.collect();
  EXPECT_EQ(file.coming_blocks(), blocks - 2);
  EXPECT_EQ(pool_.free_blocks(), pool_.capacity() - blocks + 2);
  writes.open();
  EXPECT_EQ(file.wait(*spilled), SpillState::kStored);
  file.collect();
  EXPECT_FALSE(file.wait_for_blocks());
  EXPECT_EQ(file.references(first_page), 0);
  poison_free_blocks(pool_);

  reads.close();
  std::vector<int32_t> none;
  ASSERT_TRUE(file.load(*spilled, none));
  reads.wait_until_held();
  EXPECT_EQ(file.state(*spilled), SpillState::kReading);
  // Given up in the middle: the sequence stays in the file.
  file.unload(*spilled);
  EXPECT_EQ(file.coming_blocks(), blocks);
  reads.open();
  file.wait_idle();
  EXPECT_EQ(pool_.free_blocks(), pool_.capacity());
  poison_free_blocks(pool_);
  expect_same_bits(file, *spilled);
  EXPECT_EQ(file.statistics().used, 0);
}

// A request that is cancelled while its state is on its way, and those that wait behind it.
TEST_F(SpillFileTest, WhatIsForgottenOnItsWayLeavesNothingBehind) {
  DiskGate writes;
  DiskGate reads;
  SpillFile file(options(writes, reads), pool_, layout_);
  writes.close();
  SpilledSequence first = spilled(file, 131);
  SpilledSequence second = spilled(file, 200);
  SpilledSequence third = spilled(file, 257);
  writes.wait_until_held();
  file.discard(first);   // being written
  file.discard(second);  // not begun: its blocks are free at once
  EXPECT_EQ(file.coming_blocks(),
            blocks_for_sequence(layout_, 131) + blocks_for_sequence(layout_, 257));
  EXPECT_EQ(file.statistics().used, blocks_for_sequence(layout_, 257));
  writes.open();
  ASSERT_EQ(file.wait(third), SpillState::kStored);
  file.wait_idle();
  EXPECT_EQ(pool_.free_blocks(), pool_.capacity());

  reads.close();
  std::vector<int32_t> none;
  ASSERT_TRUE(file.load(third, none));
  reads.wait_until_held();
  file.discard(third);
  EXPECT_EQ(file.statistics().used, 0);
  // Its places serve the next sequence, though the read of them is not over.
  SpilledSequence fourth = spilled(file, 200);
  reads.open();
  ASSERT_EQ(file.wait(fourth), SpillState::kStored);
  file.wait_idle();
  poison_free_blocks(pool_);
  expect_same_bits(file, fourth);
}

TEST_F(SpillFileTest, EndsInTheMiddleOfWhatIsOnItsWay) {
  DiskGate writes;
  DiskGate reads;
  std::optional<SpillFile> file(std::in_place, options(writes, reads), pool_, layout_);
  SpilledSequence stored = spilled(*file, 100);
  ASSERT_EQ(file->wait(stored), SpillState::kStored);
  writes.close();
  SpilledSequence writing = spilled(*file, 257);
  SpilledSequence queued = spilled(*file, 131);
  writes.wait_until_held();
  std::thread disk([&] { writes.open(); });
  file.reset();
  disk.join();
  EXPECT_EQ(pool_.free_blocks(), pool_.capacity());
}

TEST_F(SpillFileTest, RefusesWhatDoesNotFitAndKeepsTheRest) {
  const auto blocks = static_cast<uint64_t>(blocks_for_sequence(layout_, 100));
  SpillFile file(options(blocks * layout_.block_bytes), pool_, layout_);
  SpilledSequence first = spilled(file, 100);
  SequenceCache cache = computed(100);
  const std::vector<int32_t> pages = cache.pages;
  EXPECT_FALSE(file.spill(cache));
  EXPECT_EQ(cache.pages, pages);
  EXPECT_EQ(file.statistics().refused, 1);
  file.discard(first);
  EXPECT_EQ(file.statistics().used, 0);
  EXPECT_TRUE(file.spill(cache));
}

TEST_F(SpillFileTest, AFullDiskLosesOneSequenceAndTakesNoMore) {
  SpillFile file(options(), pool_, layout_);
  SpilledSequence lost;
  {
    const FileSizeLimit full_disk(layout_.block_bytes + 100);
    lost = spilled(file, 1);
    EXPECT_EQ(file.wait(lost), SpillState::kLost);
  }
  file.discard(lost);
  file.collect();
  EXPECT_EQ(file.statistics().used, 0);
  EXPECT_EQ(file.statistics().refused, 1);
  EXPECT_EQ(pool_.free_blocks(), pool_.capacity());
  SequenceCache cache = computed(1);
  EXPECT_FALSE(file.spill(cache));
  EXPECT_EQ(cache.length, 1);
}

TEST_F(SpillFileTest, ADiskWithRoomAgainTakesSequencesAgain) {
  SpillOptions at_once = options();
  at_once.retry_after = std::chrono::milliseconds(0);
  std::vector<std::string> lines;
  at_once.log = [&](const std::string& line) { lines.push_back(line); };
  SpilledSequence kept;
  {
    SpillFile file(at_once, pool_, layout_);
    {
      const FileSizeLimit full_disk(layout_.block_bytes + 100);
      for (int i = 0; i < 2; ++i) {
        SpilledSequence lost = spilled(file, 1);
        EXPECT_EQ(file.wait(lost), SpillState::kLost);
        file.discard(lost);
      }
    }
    kept = spilled(file, 100);
    EXPECT_EQ(file.wait(kept), SpillState::kStored);
    expect_same_bits(file, kept);
    EXPECT_EQ(file.statistics().refused, 2);
  }
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_NE(lines[0].find("failed"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("again"), std::string::npos) << lines[1];
}

TEST_F(SpillFileTest, ALogThatBlocksHoldsUpNobody) {
  std::promise<void> reached;
  std::promise<void> opened;
  SpillOptions slow = options();
  slow.log = [&](const std::string&) {
    reached.set_value();
    opened.get_future().wait();
  };
  SpillFile file(slow, pool_, layout_);
  SpilledSequence lost;
  {
    const FileSizeLimit full_disk(layout_.block_bytes + 100);
    lost = spilled(file, 1);
    reached.get_future().wait();
  }
  EXPECT_EQ(file.state(lost), SpillState::kLost);
  EXPECT_EQ(file.statistics().refused, 1);
  file.discard(lost);
  file.collect();
  EXPECT_EQ(pool_.free_blocks(), pool_.capacity());
  opened.set_value();
}

TEST_F(SpillFileTest, AShortPoolChangesNothing) {
  SpillFile file(options(), pool_, layout_);
  SpilledSequence spilled = this->spilled(file, 100);
  ASSERT_EQ(file.wait(spilled), SpillState::kStored);
  file.collect();
  std::vector<int32_t> in_the_way;
  ASSERT_TRUE(pool_.allocate(pool_.capacity() - 1, in_the_way));
  std::vector<int32_t> none;
  EXPECT_FALSE(file.load(spilled, none));
  EXPECT_EQ(file.state(spilled), SpillState::kStored);
  pool_.release(in_the_way);
  expect_same_bits(file, spilled);
}

TEST_F(SpillFileTest, WhatComesBackChangedIsLostNotWrong) {
  SpillFile file(options(), pool_, layout_);
  SpilledSequence spilled = this->spilled(file, 100);
  ASSERT_EQ(file.wait(spilled), SpillState::kStored);
  file.collect();
  std::swap(spilled.blocks.front().place, spilled.blocks.back().place);
  std::vector<int32_t> none;
  ASSERT_TRUE(file.load(spilled, none));
  EXPECT_EQ(file.wait(spilled), SpillState::kLost);
  EXPECT_EQ(pool_.free_blocks(), pool_.capacity());
  file.discard(spilled);
  EXPECT_EQ(file.statistics().used, 0);
}

TEST_F(SpillFileTest, NeedsAUsableDirectory) {
  const SpillOptions unusable{.directory = "/nonexistent/directory", .max_bytes = kMegabytes};
  EXPECT_THROW(SpillFile(unusable, pool_, layout_), Error);
}

}  // namespace
}  // namespace hadal
