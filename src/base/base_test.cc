#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/error.h"
#include "base/files.h"
#include "base/mapped_file.h"
#include "base/utf8.h"

namespace hadal {
namespace {

std::filesystem::path temporary_path(const std::string& name) {
  return std::filesystem::path(testing::TempDir()) / name;
}

TEST(ErrorTest, LineNamesPlaceFaultAndRemedy) {
  const Error error({.code = ErrorCode::kInvalidFile,
                     .where = "a.bin",
                     .what = "is truncated",
                     .remedy = "copy it again"});
  EXPECT_STREQ(error.what(), "a.bin: is truncated; copy it again");
  EXPECT_EQ(error_code_name(error.code()), "invalid_file");
}

TEST(ErrorTest, HostileTextStaysOnOneLine) {
  const Error error({.where = "x\ny\x1b[2J", .what = "bad\xff"});
  EXPECT_STREQ(error.what(), "x\\x0ay\\x1b[2J: bad\\xff");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("\xC2\x9B[2J"), "\\xc2\\x9b[2J");  // CSI in one character
  EXPECT_EQ(printable("\xC2\xA0\xC3\x9F"), "\xC2\xA0\xC3\x9F");
}

TEST(CheckTest, ThrowsWithPlace) { EXPECT_THROW(HADAL_CHECK(1 == 2), InvariantError); }

TEST(Utf8Test, AcceptsAndRejectsByTheStandard) {
  EXPECT_TRUE(is_valid_utf8("a\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80"));
  EXPECT_FALSE(is_valid_utf8("\xC0\x80"));          // overlong
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));      // surrogate
  EXPECT_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));  // past U+10FFFF
  EXPECT_FALSE(is_valid_utf8("\xE6\x97"));          // truncated
}

TEST(Utf8Test, TheValidPrefixEndsAtTheFirstFaultWhereverItStands) {
  for (size_t before = 0; before < 20; ++before) {
    for (size_t after = 0; after < 20; ++after) {
      const std::string good = std::string(before, 'a') + "\xC3\xA9" + std::string(after, 'b');
      EXPECT_EQ(utf8_valid_prefix(good), good.size());
      EXPECT_EQ(utf8_valid_prefix(good + "\xFF" + good), good.size());
      EXPECT_EQ(utf8_valid_prefix(good + "\xE6\x97"), good.size());
    }
  }
}

TEST(Utf8Test, DecodesWhatItEncodes) {
  std::u32string code_points = U"left over";
  for (char32_t c = 0; c <= 0x10FFFF; c += c == 0xD7FF ? 0x801 : 1) {
    const std::string text = utf8_encode(c);
    ASSERT_EQ(utf8_sequence_length(text), text.size()) << static_cast<uint32_t>(c);
    utf8_decode(text, code_points);
    ASSERT_EQ(code_points, std::u32string(1, c));
  }
  utf8_decode("aé日🐋", code_points);
  EXPECT_EQ(code_points, U"aé日🐋");
  utf8_decode("", code_points);
  EXPECT_TRUE(code_points.empty());
}

TEST(Utf8Test, IncompleteTailCountsOnlyWhatCanBecomeACharacter) {
  EXPECT_EQ(utf8_incomplete_tail("ab"), 0U);
  EXPECT_EQ(utf8_incomplete_tail("a\xE6"), 1U);
  EXPECT_EQ(utf8_incomplete_tail("a\xE6\x97"), 2U);
  EXPECT_EQ(utf8_incomplete_tail("\xF0\x9F\x98"), 3U);
  EXPECT_EQ(utf8_incomplete_tail("\xE6\x97\xA5"), 0U);
  EXPECT_EQ(utf8_incomplete_tail("\x97"), 0U);
  EXPECT_EQ(utf8_incomplete_tail("\xE0\x80"), 0U);  // can never become well-formed
}

TEST(Utf8Test, ReplacesMaximalSubparts) {
  EXPECT_EQ(utf8_replace_invalid("a\xE6\x97"
                                 "b\xFF"),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
}

TEST(FilesTest, AtomicFileAppearsOnlyOnCommit) {
  const auto path = temporary_path("atomic.txt");
  std::filesystem::remove(path);
  {
    AtomicFile file(path);
    file.write("half");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  AtomicFile file(path);
  file.write("whole");
  file.commit();
  EXPECT_EQ(read_text_file(path, 100), "whole");
  EXPECT_THROW(read_text_file(path, 4), Error);
}

TEST(FilesTest, ErrorsNameTheFile) {
  try {
    read_text_file("/no/such/file", 10);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(std::string(error.what()).find("/no/such/file"), std::string::npos);
  }
  EXPECT_THROW(AtomicFile("/no/such/folder/file"), Error);
}

TEST(MappedFileTest, MapsAndRefuses) {
  const auto path = temporary_path("mapped.bin");
  std::ofstream(path) << "bytes";
  MappedFile file(path);
  ASSERT_EQ(file.bytes().size(), 5U);
  MappedFile moved = std::move(file);
  EXPECT_EQ(static_cast<char>(moved.bytes()[4]), 's');
  std::ofstream(path, std::ios::trunc).flush();
  EXPECT_TRUE(MappedFile(path).bytes().empty());
  EXPECT_THROW(MappedFile{testing::TempDir()}, Error);
}

}  // namespace
}  // namespace hadal
