#include "base/huge_copy.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/huge_pages.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

class HugeCopyTest : public testing::Test {
 protected:
  // A file of some huge pages and a little more, every word of which is its own number.
  fs::path write(const std::string& name, size_t huge_pages) {
    fs::path path = directory_.path() / name;
    std::vector<uint64_t> words((huge_pages * kHugePage + 4096) / sizeof(uint64_t));
    for (size_t i = 0; i < words.size(); ++i) words[i] = i * 0x9e3779b97f4a7c15U;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(words.data()),
               static_cast<std::streamsize>(words.size() * sizeof(uint64_t)));
    return path;
  }
  static bool is_whole(const MappedFile& file) {
    const auto* const bytes = file.bytes().data();
    for (size_t i = 0; i < file.bytes().size() / sizeof(uint64_t); ++i) {
      uint64_t word;
      std::memcpy(&word, bytes + i * sizeof word, sizeof word);
      if (word != i * 0x9e3779b97f4a7c15U) return false;
    }
    return true;
  }

  test::TemporaryDirectory directory_;
  ThreadPool threads_{3};
};

TEST_F(HugeCopyTest, TakesThePlaceOfTheFileWhateverBecomesOfThat) {
  const MappedFile file(write("weights", 9));
  const std::byte* const data = file.bytes().data();
  const MappedFile* files[] = {&file};
  const HugeCopy copy(files, {file.bytes()});
  EXPECT_GE(copy.bytes(), 8 * kHugePage);
  EXPECT_EQ(copy.bytes() % kHugePage, 0U);
  uint64_t last_done = 0;
  copy.run({.threads = threads_, .progress = [&](uint64_t done, uint64_t total) {
              EXPECT_EQ(total, copy.bytes());
              last_done = done;
            }});
  EXPECT_EQ(last_done, copy.bytes());
  EXPECT_EQ(file.bytes().data(), data);
  EXPECT_TRUE(is_whole(file));
  // Of a file of zeros, only the edges that stayed mapped show it.
  std::fstream(file.path(), std::ios::binary | std::ios::in | std::ios::out)
      .write(std::string(9 * kHugePage, '\0').data(), static_cast<std::streamsize>(9 * kHugePage));
  const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(data) % kHugePage) % kHugePage;
  uint64_t word;
  std::memcpy(&word, data + before + kHugePage, sizeof word);
  EXPECT_EQ(word, (before + kHugePage) / sizeof word * 0x9e3779b97f4a7c15U);
  EXPECT_EQ(mprotect(const_cast<std::byte*>(data), 4096, PROT_READ), 0);
}

TEST_F(HugeCopyTest, CopiesWhatIsInUseAndItsNeighbourhoodOnly) {
  const MappedFile first(write("first", 20));
  const MappedFile second(write("second", 5));
  const MappedFile* files[] = {&first, &second};
  std::vector<std::byte> elsewhere(4 * kHugePage);
  const auto part = [&](size_t begin, size_t pages) {
    return first.bytes().subspan(begin * kHugePage, pages * kHugePage);
  };
  // Gaps of one page are filled, one of eight is not.
  const HugeCopy copy(files, {part(16, 4), part(4, 2), elsewhere, part(1, 2)});
  EXPECT_GE(copy.bytes(), (5 - 1 + 4 - 1) * kHugePage);
  EXPECT_LE(copy.bytes(), (5 + 4) * kHugePage);
  copy.run({.threads = threads_, .keep_cached = true});
  EXPECT_TRUE(is_whole(first));
  EXPECT_TRUE(is_whole(second));
}

TEST_F(HugeCopyTest, HasNothingToDoWithLessThanAHugePage) {
  const MappedFile file(write("small", 0));
  const MappedFile* files[] = {&file};
  const HugeCopy copy(files, {file.bytes()});
  EXPECT_EQ(copy.bytes(), 0U);
  EXPECT_EQ(copy.huge_share(), 0.0);
  copy.run({.threads = threads_});
  copy.drop_samples();
  copy.drop_cached();
  EXPECT_TRUE(is_whole(file));
}

TEST_F(HugeCopyTest, SamplesAndDroppingChangeNoByte) {
  const MappedFile file(write("weights", 12));
  const MappedFile* files[] = {&file};
  const HugeCopy copy(files, {file.bytes()});
  for (int round = 0; round < 2; ++round) {
    const double share = copy.huge_share();
    EXPECT_GE(share, 0.0);
    EXPECT_LE(share, 1.0);
    copy.drop_samples();
  }
  copy.drop_cached();
  uint64_t last_done = 0;
  copy.read(threads_, [&](uint64_t done, uint64_t) { last_done = done; });
  EXPECT_EQ(last_done, copy.bytes());
  EXPECT_TRUE(is_whole(file));
}

TEST_F(HugeCopyTest, RefusesAFileThatIsNotTheMappedOneAnyMore) {
  const fs::path path = write("weights", 3);
  const MappedFile file(path);
  const MappedFile* files[] = {&file};
  const HugeCopy copy(files, {file.bytes()});
  fs::rename(write("other", 3), path);
  try {
    copy.run({.threads = threads_});
    FAIL() << "copied another file";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
    EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos);
  }
  EXPECT_TRUE(is_whole(file));
}

TEST_F(HugeCopyTest, RefusesAFileThatHasBecomeShorter) {
  const fs::path path = write("weights", 3);
  const MappedFile file(path);
  const MappedFile* files[] = {&file};
  const HugeCopy copy(files, {file.bytes()});
  fs::resize_file(path, kHugePage);
  EXPECT_THROW(copy.run({.threads = threads_}), Error);
  fs::remove(path);
  EXPECT_THROW(copy.run({.threads = threads_}), Error);
}

}  // namespace
}  // namespace hadal
