#include "cache/disk_tier.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <mutex>
#include <random>
#include <set>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/error.h"
#include "cache/disk_directory.h"
#include "cache/prefix_chain.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

constexpr int kPage = 4;
constexpr uint64_t kFileBytes = kCacheFileHeaderBytes + 4 * kPage + 4096;  // of a page

CacheGeometry tiny_geometry() {
  CacheGeometry geometry;
  geometry.page_tokens = kPage;
  geometry.block_bytes = 4096;
  geometry.state_units = 2;
  return geometry;
}

const CacheIdentity kIdentity = {.model = 11, .layout = 22, .numerics = "fp8 ref"};

// The tokens of a whole sequence, recognisable by its number.
std::vector<int32_t> sequence_tokens(int number, int pages) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < pages * kPage; ++i) tokens.push_back(number * 1000 + i);
  return tokens;
}

// What block `part` of a file holds: every byte depends on the file and on its place.
std::vector<std::byte> contents(const Hash128& key, uint32_t part) {
  std::vector<std::byte> bytes(tiny_geometry().block_bytes);
  std::mt19937_64 random(key.low ^ part);
  for (size_t i = 0; i < bytes.size(); i += 8) {
    const uint64_t word = random();
    std::memcpy(bytes.data() + i, &word, 8);
  }
  return bytes;
}

class DiskTierTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "hadal-disk-tier-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  DiskOptions options() {
    return {.directory = directory_ / "kv",
            .max_bytes = 64 << 20,
            .log = [this](const std::string& line) {
              const std::lock_guard lock(log_mutex_);
              log_.push_back(line);
            }};
  }
  std::unique_ptr<DiskTier> open() { return open(options()); }
  std::unique_ptr<DiskTier> open(const DiskOptions& disk_options,
                                 const CacheIdentity& identity = kIdentity) {
    return std::make_unique<DiskTier>(disk_options, identity, tiny_geometry());
  }
  size_t log_lines() {
    const std::lock_guard lock(log_mutex_);
    return log_.size();
  }
  fs::path path(const CacheFileName& name) { return directory_ / "kv" / file_name(name); }

  static PrefixChain chain_of(const DiskTier& tier, const std::vector<int32_t>& tokens) {
    PrefixChain chain(tier.secret(), "", kPage);
    chain.cover(tokens);
    return chain;
  }
  static CacheFileName page_name(const PrefixChain& chain, int index) {
    return {.kind = CacheFileKind::kPage, .key = chain.key(index + 1)};
  }

  static bool store_page(DiskTier& tier, const std::vector<int32_t>& tokens, int index) {
    const PrefixChain chain = chain_of(tier, tokens);
    const CacheFileName name = page_name(chain, index);
    const std::vector<std::byte> block = contents(name.key, 0);
    const std::byte* const blocks[] = {block.data()};
    return tier.store(
        {.name = name,
         .parent = chain.key(index),
         .length = (index + 1) * kPage,
         .tokens = std::span(tokens).subspan(static_cast<size_t>(index * kPage), kPage),
         .blocks = blocks});
  }
  // An image one token after the last full page of `tokens`.
  static CacheFileName store_image(DiskTier& tier, const std::vector<int32_t>& tokens,
                                   std::span<const float> streams) {
    const PrefixChain chain = chain_of(tier, tokens);
    const int pages = chain.pages();
    const std::vector<int32_t> tail = {5};
    const CacheFileName name{.kind = CacheFileKind::kImage, .key = chain.image_key(pages, tail)};
    const std::vector<std::vector<std::byte>> parts = {contents(name.key, 0), contents(name.key, 1),
                                                       contents(name.key, 2)};
    const std::byte* const blocks[] = {parts[0].data(), parts[1].data(), parts[2].data()};
    EXPECT_TRUE(tier.store({.name = name,
                            .parent = chain.key(pages),
                            .length = pages * kPage + 1,
                            .drafter_length = pages * kPage,
                            .tokens = tail,
                            .streams = streams,
                            .blocks = blocks}));
    return name;
  }

  // Whether the page is there and right; a page that is there and wrong fails the test.
  static bool load_page(DiskTier& tier, const std::vector<int32_t>& tokens, int index) {
    const PrefixChain chain = chain_of(tier, tokens);
    const CacheFileName name = page_name(chain, index);
    std::vector<std::byte> block(tiny_geometry().block_bytes);
    const auto begin = tokens.begin() + index * kPage;
    const auto read = tier.read({{.name = name,
                                  .parent = chain.key(index),
                                  .tokens = {begin, begin + kPage},
                                  .blocks = {block.data()},
                                  .streams = {}}});
    read->wait();
    if (!read->items[0].good) return false;
    EXPECT_EQ(block, contents(name.key, 0));
    EXPECT_EQ(read->items[0].length, (index + 1) * kPage);
    return true;
  }

  fs::path directory_;
  std::mutex log_mutex_;
  std::vector<std::string> log_;
};

TEST_F(DiskTierTest, PagesAndImagesOutliveTheProgram) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 3);
  const std::vector<float> streams = {1, 2, 3};
  CacheFileName image;
  {
    const auto tier = open();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(store_page(*tier, tokens, i));
    image = store_image(*tier, tokens, streams);
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
                                 .blocks = {parts[0].data(), parts[1].data(), parts[2].data()},
                                 .streams = {}}});
  read->wait();
  ASSERT_TRUE(read->items[0].good);
  EXPECT_EQ(read->items[0].streams, streams);
  EXPECT_EQ(read->items[0].drafter_length, 12);
  for (uint32_t part = 0; part < 3; ++part) EXPECT_EQ(parts[part], contents(image.key, part));
  EXPECT_EQ(log_lines(), 0U);
}

std::string read_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void flip_bit(const fs::path& file, std::streamoff offset) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(offset);
  const int byte = stream.get();
  stream.seekp(offset);
  stream.put(static_cast<char>(byte ^ 0x10));
}

TEST_F(DiskTierTest, ADamagedFileIsAMissAndOneLine) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 1);
  const auto file_bytes = static_cast<std::streamoff>(kCacheFileHeaderBytes + 4 * kPage + 4096);
  // Magic, kind, model, key, sizes, checksum; tokens; first and last byte of the block.
  for (const std::streamoff offset :
       {std::streamoff{0}, std::streamoff{12}, std::streamoff{17}, std::streamoff{90},
        std::streamoff{125}, std::streamoff{160}, std::streamoff{250}, std::streamoff{257},
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

TEST_F(DiskTierTest, FilesOfOtherModelsAndSettingsAreLeftAlone) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 1);
  std::set<uint64_t> secrets;
  const std::vector<CacheIdentity> identities = {
      kIdentity,
      {.model = 12, .layout = 22, .numerics = "fp8 ref"},
      {.model = 11, .layout = 23, .numerics = "fp8 ref"},
      {.model = 11, .layout = 22, .numerics = "fp8 avx2"}};
  for (size_t i = 0; i < identities.size(); ++i) {
    log_.clear();
    const auto tier = open(options(), identities[i]);
    EXPECT_EQ(tier->statistics().foreign, static_cast<int64_t>(i));
    EXPECT_EQ(tier->statistics().files, 0);
    EXPECT_EQ(log_lines(), i == 0 ? 0U : 1U);
    EXPECT_FALSE(load_page(*tier, tokens, 0));
    EXPECT_TRUE(store_page(*tier, tokens, 0));
    secrets.insert(tier->secret().low);
  }
  EXPECT_EQ(secrets.size(), identities.size());
  for (const CacheIdentity& identity : identities) {
    EXPECT_TRUE(load_page(*open(options(), identity), tokens, 0));
  }
}

// A file of another model under a name that this one asks for.
TEST_F(DiskTierTest, AForeignFileUnderAKnownNameIsAMiss) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 1);
  fs::path foreign;
  {
    CacheIdentity other = kIdentity;
    other.model = 99;
    const auto tier = open(options(), other);
    EXPECT_TRUE(store_page(*tier, tokens, 0));
    foreign = path(page_name(chain_of(*tier, tokens), 0));
  }
  const auto tier = open();
  EXPECT_TRUE(store_page(*tier, tokens, 0));
  tier->wait_idle();
  fs::copy_file(foreign, path(page_name(chain_of(*tier, tokens), 0)),
                fs::copy_options::overwrite_existing);
  EXPECT_FALSE(load_page(*tier, tokens, 0));
}

TEST_F(DiskTierTest, OlderVersionsAreRemovedAndNewerOnesLeftAlone) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 2);
  fs::path older;
  fs::path newer;
  {
    const auto tier = open();
    EXPECT_TRUE(store_page(*tier, tokens, 0));
    EXPECT_TRUE(store_page(*tier, tokens, 1));
    older = path(page_name(chain_of(*tier, tokens), 0));
    newer = path(page_name(chain_of(*tier, tokens), 1));
  }
  const auto set_version = [](const fs::path& file, char version) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(8);
    stream.put(version);
  };
  set_version(older, 0);
  set_version(newer, 2);
  const auto tier = open();
  EXPECT_FALSE(fs::exists(older));
  EXPECT_TRUE(fs::exists(newer));
  EXPECT_EQ(log_lines(), 2U);
  EXPECT_EQ(tier->statistics().files, 0);
}

TEST_F(DiskTierTest, ADamagedSecretLosesTheFilesAndSaysSo) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 2);
  {
    const auto tier = open();
    EXPECT_TRUE(store_page(*tier, tokens, 0));
    EXPECT_TRUE(store_page(*tier, tokens, 1));
  }
  flip_bit(directory_ / "kv" / "secret", 30);
  const auto tier = open();
  ASSERT_EQ(log_lines(), 2U);
  EXPECT_NE(log_[0].find("its secret is damaged and has been made anew"), std::string::npos);
  EXPECT_NE(log_[1].find("of a secret that is gone: 2 cache files"), std::string::npos);
  EXPECT_EQ(tier->statistics().damaged, 2);
  EXPECT_FALSE(load_page(*tier, tokens, 0));
  EXPECT_TRUE(store_page(*tier, tokens, 0));
  tier->wait_idle();
  EXPECT_TRUE(load_page(*tier, tokens, 0));
}

TEST_F(DiskTierTest, ASecretOfAnEarlierVersionIsReadAndLeft) {
  fs::create_directories(directory_ / "kv");
  const std::string old = "0123456789abcde\x80";
  std::ofstream(directory_ / "kv" / "secret", std::ios::binary) << old;
  const std::vector<int32_t> tokens = sequence_tokens(1, 1);
  EXPECT_TRUE(store_page(*open(), tokens, 0));
  EXPECT_TRUE(load_page(*open(), tokens, 0));
  EXPECT_EQ(read_file(directory_ / "kv" / "secret"), old);
  EXPECT_EQ(log_lines(), 0U);
}

// Names of hadal's that somebody else has given to things of their own: none is changed, and the
// server does not start where it needs the name.
TEST_F(DiskTierTest, ASecretThatIsNotHadalsIsKeptAndNamed) {
  const fs::path secret = directory_ / "kv" / "secret";
  fs::create_directories(secret.parent_path());
  const auto expect_kept = [&](const std::string& reason) {
    try {
      open();
      ADD_FAILURE() << "opened: " << reason;
    } catch (const Error& error) {
      const std::string line = error.what();
      EXPECT_TRUE(line.starts_with(secret.string() + ": ")) << line;
      EXPECT_NE(line.find(reason), std::string::npos) << line;
    }
  };
  for (const std::string text : {"", "my own notes, please keep\n", "16 bytes of text",
                                 "hadal-kv secret 2 of a newer version\n"}) {
    std::ofstream(secret, std::ios::binary | std::ios::trunc) << text;
    fs::permissions(secret, fs::perms(0644));
    expect_kept(text.starts_with("hadal") ? "newer version" : "is not a secret that hadal wrote");
    EXPECT_EQ(read_file(secret), text);
    EXPECT_EQ(fs::status(secret).permissions(), fs::perms(0644));
  }
  fs::rename(secret, directory_ / "elsewhere");
  fs::create_symlink(directory_ / "elsewhere", secret);
  expect_kept("is no regular file");
  EXPECT_TRUE(fs::is_symlink(secret));
  fs::remove(secret);
  ASSERT_EQ(::mkfifo(secret.c_str(), 0600), 0);
  expect_kept("is no regular file");
  fs::remove(secret);
  fs::create_directories(secret / "inside");
  expect_kept("is no regular file");
  fs::remove_all(secret);
  // Refused without a trace of a secret of its own.
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_ / "kv"), {}), 1);  // lock
}

TEST_F(DiskTierTest, ASecretThatCannotBeReadIsKept) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const std::vector<int32_t> tokens = sequence_tokens(1, 1);
  EXPECT_TRUE(store_page(*open(), tokens, 0));
  const fs::path secret = directory_ / "kv" / "secret";
  fs::permissions(secret, fs::perms::none);
  EXPECT_THROW(open(), Error);
  fs::permissions(secret, fs::perms(0600));
  EXPECT_TRUE(load_page(*open(), tokens, 0));
}

TEST_F(DiskTierTest, ALockThatIsNoFileIsNamed) {
  fs::create_directories(directory_ / "kv" / "lock");
  try {
    open();
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("kv/lock: is no regular file"), std::string::npos)
        << error.what();
  }
}

TEST_F(DiskTierTest, FilesOfOtherProgramsAreNeitherChangedNorRemoved) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 2);
  fs::path page;
  {
    const auto tier = open();
    page = path(page_name(chain_of(*tier, tokens), 0));
  }
  const std::string notes = std::string(5000, 'n');
  const std::vector<fs::path> foreign = {page,
                                         page.string() + ".tmp",
                                         directory_ / "kv" / "secret.tmp",
                                         directory_ / "kv" / "notes",
                                         directory_ / "kv" / "README.page",
                                         directory_ / "kv" / "lock.tmp"};
  for (const fs::path& file : foreign) std::ofstream(file, std::ios::binary) << notes;
  const auto tier = open();
  EXPECT_EQ(tier->statistics().foreign, 1);
  EXPECT_EQ(log_lines(), 1U);
  EXPECT_TRUE(store_page(*tier, tokens, 0));
  EXPECT_TRUE(store_page(*tier, tokens, 1));
  tier->wait_idle();
  EXPECT_EQ(log_lines(), 2U);
  EXPECT_FALSE(load_page(*tier, tokens, 0));
  EXPECT_TRUE(load_page(*tier, tokens, 1));  // writing goes on
  EXPECT_EQ(tier->statistics().dropped_writes, 1);
  EXPECT_TRUE(tier->statistics().writing);
  for (const fs::path& file : foreign) EXPECT_TRUE(read_file(file) == notes) << file;
}

// The file of a page is replaced by somebody else's while the server runs.
TEST_F(DiskTierTest, AForeignFileInPlaceOfAKnownOneIsLeft) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 1);
  const auto tier = open();
  EXPECT_TRUE(store_page(*tier, tokens, 0));
  tier->wait_idle();
  const fs::path page = path(page_name(chain_of(*tier, tokens), 0));
  std::ofstream(page, std::ios::binary | std::ios::trunc) << std::string(5000, 'n');
  EXPECT_FALSE(load_page(*tier, tokens, 0));
  EXPECT_EQ(log_lines(), 1U);
  EXPECT_EQ(fs::file_size(page), 5000U);
}

TEST_F(DiskTierTest, FilesAreTheOwnersOnly) {
  const auto tier = open();
  EXPECT_TRUE(store_page(*tier, sequence_tokens(1, 1), 0));
  tier->wait_idle();
  for (const auto& entry : fs::directory_iterator(directory_ / "kv")) {
    struct stat status = {};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U) << entry.path();
  }
}

TEST_F(DiskTierTest, ADirectoryServesOneProcess) {
  const auto tier = open();
  try {
    open();
    FAIL() << "opened twice";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  }
}

TEST_F(DiskTierTest, AnUnusableDirectoryIsAnError) {
  std::ofstream(directory_ / "kv") << "a file";
  EXPECT_THROW(open(), Error);
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
  struct rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = before;
  limit.rlim_cur = 2000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_TRUE(store_page(*tier, tokens, 1));
  store_page(*tier, tokens, 2);  // refused if the first has failed already
  tier->wait_idle();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);

  EXPECT_EQ(log_lines(), 1U);
  EXPECT_FALSE(tier->statistics().writing);
  EXPECT_FALSE(store_page(*tier, tokens, 3));
  EXPECT_TRUE(load_page(*tier, tokens, 0));
  EXPECT_FALSE(load_page(*tier, tokens, 1));
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_ / "kv"), {}), 3);  // lock, secret, page
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

TEST(CacheFile, NamesAreReadBack) {
  const Hash128 key = {.low = 0x0123456789abcdef, .high = 0xfedcba9876543210};
  for (const CacheFileKind kind : {CacheFileKind::kPage, CacheFileKind::kImage}) {
    const CacheFileName name{.kind = kind, .key = key};
    EXPECT_EQ(parse_file_name(file_name(name)), name);
  }
  EXPECT_EQ(file_name({.kind = CacheFileKind::kPage, .key = key}),
            "efcdab89674523011032547698badcfe.page");
  for (const std::string_view other :
       {"", "lock", "secret", "efcdab89674523011032547698badcfe", "README.page",
        "EFCDAB89674523011032547698badcfe.page", "efcdab89674523011032547698badcfe.page.tmp"}) {
    EXPECT_FALSE(parse_file_name(other)) << other;
  }
}

TEST(CacheFile, HeadersAreReadBack) {
  const CacheFileInfo info = {.kind = CacheFileKind::kImage,
                              .identity = kIdentity,
                              .secret_check = {.low = 1, .high = 2},
                              .key = {.low = 3, .high = 4},
                              .parent = {.low = 5, .high = 6},
                              .length = 700,
                              .tokens = 60,
                              .drafter_length = 699,
                              .streams = 16,
                              .blocks = 7,
                              .block_bytes = 917504,
                              .checksum = {.low = 8, .high = 9}};
  const CacheFileHeader header = encode_header(info);
  const DecodedHeader decoded = decode_header(header);
  EXPECT_EQ(decoded.state, HeaderState::kGood);
  EXPECT_EQ(decoded.info, info);
  EXPECT_EQ(info.file_bytes(), 256U + 4 * 60 + 4 * 16 + 7U * 917504);
}

}  // namespace
}  // namespace hadal
