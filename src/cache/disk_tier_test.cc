#include "cache/disk_tier.h"

#include <csignal>
#include <set>
#include <sys/wait.h>
#include <thread>

#include "support/disk_tier_fixture.h"
#include "support/file_size_limit.h"

namespace hadal {
namespace {

using namespace testing_disk;

TEST_F(DiskTierTest, PagesAndImagesOutliveTheProgram) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 3);
  CacheFileName image;
  {
    const auto tier = open();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(store_page(*tier, tokens, i));
    image = store_image(*tier, tokens);
    tier->wait_idle();
    EXPECT_TRUE(load_page(*tier, tokens, 2));
    EXPECT_EQ(tier->statistics().written, 4);
  }
  const auto tier = open();
  EXPECT_EQ(tier->statistics().files, 4);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(load_page(*tier, tokens, i));
  EXPECT_FALSE(load_page(*tier, sequence_tokens(2, 3), 0));

  const PrefixChain chain = chain_of(*tier, tokens);
  const auto images = tier->images_on(chain.key(3));
  ASSERT_EQ(images.size(), 1U);
  EXPECT_EQ(images[0].name, image);
  EXPECT_EQ(images[0].length, 13);
  EXPECT_EQ(images[0].tail, 1);
  std::vector<std::vector<std::byte>> parts(3, std::vector<std::byte>(4096));
  const auto read = tier->read({{.name = image,
                                 .parent = chain.key(3),
                                 .tokens = {5},
                                 .blocks = {parts[0].data(), parts[1].data(), parts[2].data()}}});
  read->wait();
  ASSERT_TRUE(read->items[0].good);
  EXPECT_EQ(read->items[0].drafter_rows, 12);
  for (uint32_t part = 0; part < 3; ++part) EXPECT_EQ(parts[part], contents(image.key, part));
  EXPECT_EQ(log_lines(), 0U);
}

TEST_F(DiskTierTest, ADamagedFileIsAMissAndOneLine) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 1);
  const auto file_bytes = static_cast<std::streamoff>(kCacheFileHeaderBytes + 4 * kPage + 4096);
  // Magic, kind, model, key, sizes, checksum; tokens; first and last byte of the block.
  for (const std::streamoff offset :
       {std::streamoff{0}, std::streamoff{12}, std::streamoff{17}, std::streamoff{100},
        std::streamoff{133}, std::streamoff{168}, std::streamoff{250}, std::streamoff{257},
        std::streamoff{272}, file_bytes - 1}) {
    for (const bool while_open : {false, true}) {
      log_.clear();
      auto tier = open();
      EXPECT_TRUE(store_page(*tier, tokens, 0));
      tier->wait_idle();
      const fs::path file = path(page_name(chain_of(*tier, tokens), 0));
      ASSERT_EQ(static_cast<std::streamoff>(fs::file_size(file)), file_bytes);
      if (!while_open) tier.reset();
      flip_bit(file, offset);
      if (!while_open) tier = open();
      EXPECT_FALSE(load_page(*tier, tokens, 0)) << "bit of byte " << offset;
      EXPECT_FALSE(load_page(*tier, tokens, 0));
      EXPECT_EQ(log_lines(), 1U) << "bit of byte " << offset;
      EXPECT_FALSE(fs::exists(file));
      EXPECT_EQ(tier->statistics().files, 0);
      EXPECT_EQ(tier->statistics().bytes, 0U);
    }
  }
}

TEST_F(DiskTierTest, ATruncatedOrGrownFileIsAMissAndOneLine) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 1);
  for (const size_t size : {0, 1, 255, 256, 300, 4367, 4369}) {
    for (const bool while_open : {false, true}) {
      log_.clear();
      auto tier = open();
      EXPECT_TRUE(store_page(*tier, tokens, 0));
      tier->wait_idle();
      const fs::path file = path(page_name(chain_of(*tier, tokens), 0));
      if (!while_open) tier.reset();
      fs::resize_file(file, size);
      if (!while_open) tier = open();
      EXPECT_FALSE(load_page(*tier, tokens, 0)) << size << " bytes";
      EXPECT_EQ(log_lines(), 1U) << size << " bytes";
      EXPECT_FALSE(fs::exists(file));
    }
  }
}

TEST_F(DiskTierTest, KeepsWithinItsSizeByDeletingWhatWasNotUsed) {
  DiskOptions small = options();
  small.max_bytes = 5 * kFileBytes;
  const std::vector<int32_t> old = sequence_tokens(1, 3);
  const std::vector<int32_t> recent = sequence_tokens(2, 3);
  {
    const auto tier = open(small);
    for (int i = 0; i < 3; ++i) store_page(*tier, old, i);
    for (int i = 0; i < 2; ++i) store_page(*tier, recent, i);
    tier->wait_idle();
    EXPECT_EQ(tier->statistics().files, 5);
    const PrefixChain chain = chain_of(*tier, old);
    tier->touch({page_name(chain, 0), page_name(chain, 1), page_name(chain, 2)});
    tier->wait_idle();
    store_page(*tier, recent, 2);  // pushes out the first of `recent`
    tier->wait_idle();
    EXPECT_EQ(tier->statistics().bytes, 5 * kFileBytes);
    EXPECT_EQ(tier->statistics().deleted, 1);
    EXPECT_FALSE(load_page(*tier, recent, 0));
    // Of pages used together the deepest goes first, so that a prefix stays a prefix.
    store_page(*tier, sequence_tokens(3, 1), 0);
    store_page(*tier, sequence_tokens(4, 1), 0);
    tier->wait_idle();
    EXPECT_TRUE(load_page(*tier, old, 0));
    EXPECT_TRUE(load_page(*tier, old, 1));
    EXPECT_FALSE(load_page(*tier, old, 2));
  }
  // A smaller limit on reopening.
  small.max_bytes = 2 * kFileBytes;
  const auto tier = open(small);
  EXPECT_EQ(tier->statistics().files, 2);
  EXPECT_TRUE(load_page(*tier, old, 0));
}

// Files are used faster than the kernel's clock of files moves on.
TEST_F(DiskTierTest, RemembersTheOrderOfUseOverARestart) {
  constexpr int kFiles = 12;
  {
    const auto tier = open();
    for (int i = 0; i < kFiles; ++i) store_page(*tier, sequence_tokens(i, 1), 0);
    tier->wait_idle();
    for (int i = kFiles - 1; i >= 0; --i) {
      EXPECT_TRUE(load_page(*tier, sequence_tokens(i, 1), 0));
    }
  }
  DiskOptions small = options();
  for (int left = kFiles - 1; left > 0; --left) {
    small.max_bytes = static_cast<uint64_t>(left) * kFileBytes;
    const auto tier = open(small);
    EXPECT_EQ(tier->statistics().files, left);
    EXPECT_TRUE(load_page(*tier, sequence_tokens(left - 1, 1), 0));
    EXPECT_FALSE(load_page(*tier, sequence_tokens(left, 1), 0));
    for (int i = left - 1; i >= 0; --i) load_page(*tier, sequence_tokens(i, 1), 0);
  }
}

TEST_F(DiskTierTest, AFullDiskStopsWritingAndKeepsServing) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 4);
  const auto tier = open();
  EXPECT_TRUE(store_page(*tier, tokens, 0));
  tier->wait_idle();
  // A file may not grow beyond half a page: the write fails in the middle, as on a full disk.
  {
    const FileSizeLimit full_disk(2000);
    EXPECT_TRUE(store_page(*tier, tokens, 1));
    store_page(*tier, tokens, 2);  // refused if the first has failed already
    tier->wait_idle();
  }

  EXPECT_EQ(log_lines(), 1U);
  EXPECT_FALSE(tier->statistics().writing);
  EXPECT_FALSE(store_page(*tier, tokens, 3));
  EXPECT_TRUE(load_page(*tier, tokens, 0));
  EXPECT_FALSE(load_page(*tier, tokens, 1));
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_ / "kv"), {}), 3);  // lock, secret, page
}

TEST_F(DiskTierTest, ADiskWithRoomAgainIsWrittenAgain) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 3);
  DiskOptions at_once = options();
  at_once.retry_after = std::chrono::milliseconds(0);
  const auto tier = open(at_once);
  {
    const FileSizeLimit full_disk(2000);
    for (const int page : {0, 1}) {
      EXPECT_TRUE(store_page(*tier, tokens, page));
      tier->wait_idle();
    }
  }
  EXPECT_EQ(log_lines(), 1U);
  EXPECT_FALSE(tier->statistics().writing);
  EXPECT_EQ(tier->statistics().dropped_writes, 2);
  EXPECT_TRUE(store_page(*tier, tokens, 2));
  tier->wait_idle();
  EXPECT_EQ(log_lines(), 2U);
  EXPECT_TRUE(tier->statistics().writing);
  EXPECT_TRUE(load_page(*tier, tokens, 2));
}

TEST_F(DiskTierTest, AFullQueueDropsInsteadOfWaiting) {
  DiskOptions small = options();
  small.queue_bytes = 4 * kPage + 4096;
  const auto tier = open(small);
  const std::vector<int32_t> tokens = sequence_tokens(1, 64);
  int stored = 0;
  for (int i = 0; i < 64; ++i) stored += store_page(*tier, tokens, i) ? 1 : 0;
  tier->wait_idle();
  EXPECT_GE(stored, 1);
  EXPECT_EQ(tier->statistics().written, stored);
  EXPECT_EQ(tier->statistics().dropped_writes, 64 - stored);
  DiskOptions none = options();
  none.directory = directory_ / "none";
  none.queue_bytes = 100;
  EXPECT_FALSE(store_page(*open(none), tokens, 0));
}

// Whatever the moment at which the process dies: what is offered afterwards is whole and right, and
// no half-written file stays.
TEST_F(DiskTierTest, SurvivesKillAtAnyMoment) {
  std::mt19937 random(1);
  int64_t found = 0;
  for (int round = 0; round < 12; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      DiskOptions quiet = options();
      quiet.log = {};
      const auto tier = open(quiet);
      for (int number = 0;; ++number) {
        const std::vector<int32_t> tokens = sequence_tokens(round * 10'000 + number, 2);
        store_page(*tier, tokens, 0);
        store_page(*tier, tokens, 1);
        if (number % 8 == 0) std::this_thread::yield();
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(500 + random() % 60'000));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));

    const auto tier = open();
    EXPECT_EQ(log_lines(), 0U);
    for (const auto& entry : fs::directory_iterator(directory_ / "kv")) {
      EXPECT_NE(entry.path().extension(), ".tmp");
    }
    int64_t offered = 0;
    for (int number = 0; number < 400; ++number) {
      const std::vector<int32_t> tokens = sequence_tokens(round * 10'000 + number, 2);
      for (int index = 0; index < 2; ++index) {
        if (!tier->has(page_name(chain_of(*tier, tokens), index))) continue;
        EXPECT_TRUE(load_page(*tier, tokens, index));
        ++offered;
      }
    }
    found += offered;
  }
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace hadal
