// Whose the files of a cache directory are: what is hadal's own, of this version and this model,
// and what is left alone.
#include <set>
#include <sys/stat.h>

#include "base/error.h"
#include "cache/siphash.h"
#include "support/disk_tier_fixture.h"

namespace hadal {
namespace {

using namespace testing_disk;

TEST_F(DiskTierTest, FilesOfOtherModelsAndSettingsAreLeftAlone) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 1);
  std::set<uint64_t> secrets;
  const std::vector<CacheIdentity> identities = {
      kIdentity,
      {.model = {.low = 12}, .layout = 22, .numerics = "fp8 ref"},
      {.model = {.low = 11}, .layout = 23, .numerics = "fp8 ref"},
      {.model = {.low = 11}, .layout = 22, .numerics = "fp8 avx2"}};
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
    other.model = {.low = 99};
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

// The file as the first version wrote it: a fingerprint of 64 bits, and checksums that were SipHash
// under fixed keys.
std::string as_first_version(const std::string& file) {
  constexpr size_t kModel = 16;
  constexpr size_t kModelBytes = 8;  // of that version
  constexpr size_t kPayloadSum = 152;
  constexpr size_t kHeaderSum = 240;
  const auto bytes_of = [](std::string_view text) { return std::as_bytes(std::span(text)); };
  const std::string_view all(file);
  const std::string_view payload = all.substr(kCacheFileHeaderBytes);
  std::string header(all.substr(0, kModel + kModelBytes));
  header += all.substr(kModel + sizeof(Hash128), kPayloadSum - header.size());
  header[8] = 1;
  const auto append = [&](const Hash128& sum) {
    header.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
  };
  append(siphash({.low = 0x6861'6461'6c20'6b76, .high = 0x7061'796c'6f61'6473}, bytes_of(payload)));
  header.resize(kHeaderSum);
  append(siphash({.low = 1, .high = 2}, bytes_of(header)));
  return header + std::string(payload);
}

TEST_F(DiskTierTest, FilesOfTheFirstVersionAreMissesAndMakeRoom) {
  const std::vector<int32_t> tokens = sequence_tokens(1, 1);
  fs::path page;
  {
    const auto tier = open();
    EXPECT_TRUE(store_page(*tier, tokens, 0));
    page = path(page_name(chain_of(*tier, tokens), 0));
  }
  const std::string older = as_first_version(read_file(page));
  EXPECT_EQ(older.size(), kFileBytes);
  std::ofstream(page, std::ios::binary | std::ios::trunc) << older;
  {
    const auto tier = open();
    EXPECT_EQ(tier->statistics().files, 0);
    EXPECT_FALSE(fs::exists(page));
    ASSERT_EQ(log_lines(), 1U);
    EXPECT_NE(log_[0].find("removed, of an older version: 1 cache file"), std::string::npos);
    EXPECT_FALSE(load_page(*tier, tokens, 0));
    EXPECT_TRUE(store_page(*tier, tokens, 0));
    tier->wait_idle();
    EXPECT_TRUE(load_page(*tier, tokens, 0));
  }
  // Under a name that the tier knows.
  const auto tier = open();
  std::ofstream(page, std::ios::binary | std::ios::trunc) << older;
  EXPECT_FALSE(load_page(*tier, tokens, 0));
  EXPECT_FALSE(fs::exists(page));
}

TEST_F(DiskTierTest, ASecretOfTheVersionBeforeIsMadeAnew) {
  const fs::path secret = directory_ / "kv" / "secret";
  fs::create_directories(secret.parent_path());
  std::ofstream(secret) << "hadal-kv secret 1 efcdab89674523011032547698badcfe "
                           "0d5bfed2e5e8d9eb377cfa3d90d8a844\n";
  const std::vector<int32_t> tokens = sequence_tokens(1, 1);
  EXPECT_TRUE(store_page(*open(), tokens, 0));
  EXPECT_TRUE(load_page(*open(), tokens, 0));
  EXPECT_TRUE(read_file(secret).starts_with("hadal-kv secret 2 "));
  EXPECT_EQ(log_lines(), 0U);
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
  set_version(newer, 4);
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

TEST_F(DiskTierTest, ASecretOfTheFirstVersionIsReadAndLeft) {
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
                                 "hadal-kv secret 3 of a newer version\n"}) {
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

}  // namespace
}  // namespace hadal
