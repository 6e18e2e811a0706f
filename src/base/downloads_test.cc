#include "base/downloads.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

using namespace std::string_literals;

std::string what_is(const std::string& contents) {
  const auto found = foreign_contents(contents, contents.size());
  return found ? found->what + "; " + found->remedy : "";
}

void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
}

TEST(ForeignContents, NamesPointersInPlaceOfFiles) {
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, '0') +
      "\nsize 262264\n";
  expect_part(what_is(pointer), "is a Git LFS pointer, not the file itself (of 262264 bytes)");
  expect_part(what_is(pointer), "git lfs pull");
  std::string windows = pointer;
  for (size_t at = 0; (at = windows.find('\n', at)) != std::string::npos; at += 2) {
    windows.replace(at, 1, "\r\n");
  }
  expect_part(what_is("\xef\xbb\xbf" + windows), "is a Git LFS pointer");
  expect_part(what_is("version https://hawser.github.com/spec/v1\noid sha256:1\nsize 1"),
              "Git LFS pointer");
  expect_part(what_is("version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer");
  expect_part(what_is("# xet version 0\nfilesize = 1\nhash = 'ab'\n"), "is a Git Xet pointer");
  expect_part(what_is("/annex/objects/SHA256E-s1--0.safetensors\n"), "is a git-annex pointer");
}

TEST(ForeignContents, NamesPagesAndErrorsOfServers) {
  expect_part(what_is("\n <!DOCTYPE html>\n<html><head><TITLE>\nLog in</TITLE></head>"),
              "holds a web page (HTML), \"Log in\"");
  expect_part(what_is("<HTML>"), "holds a web page (HTML) in place");
  expect_part(what_is("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
              "holds XML, \"AccessDenied\"");
  expect_part(what_is("{\"error\":\"Repository not found\"}"),
              "holds a server's error message in place of the file: \"Repository not found\"");
  expect_part(what_is("{ \"message\": \"Not Found\", \"documentation_url\": \"x\"}"),
              "\"Not Found\"");
  expect_part(what_is("{\"error\":{\"code\":403,\"message\":\"gated\"}}"), "\"gated\"");
  expect_part(what_is("{\"Code\":10,\"Message\":\"no such file\",\"Success\":false}"),
              "\"no such file\"");
  expect_part(what_is("{\"detail\":[1]}"), "error message in place of the file: \"{");
  expect_part(what_is("Entry not found"), "holds \"Entry not found\" in place of the file");
  expect_part(what_is("404: Not Found\r\n"), "holds \"404: Not Found\"");
}

TEST(ForeignContents, NamesOtherFormats) {
  expect_part(what_is("GGUF\x03\0\0\0"s), "is a GGUF file");
  expect_part(what_is("\x1f\x8b\x08\0\0\0\0\0\0\x03xy"s), "is compressed with gzip");
  expect_part(what_is("PK\x03\x04" + std::string(26, '\0') + "archive/data.pkl"),
              "is a PyTorch file");
  expect_part(what_is("PK\x03\x04" + std::string(26, '\0') + "model.safetensors"),
              "is a zip archive");
  expect_part(what_is("\x80\x02\x8a\nl\xfc\x9c"s), "is a PyTorch file (a pickle)");
  expect_part(what_is("\x28\xb5\x2f\xfd\x04\0"s), "is compressed with zstd");
  expect_part(what_is("\x93NUMPY\x01"), "is a NumPy file");
  expect_part(what_is(std::string(257, 'a') + "ustar"), "is a tar archive");
  // A safetensors file whose header is 640 bytes long begins like a pickle.
  EXPECT_EQ(what_is("\x80\x02\0\0\0\0\0\0["s + std::string(5000, 'x')), "");
}

TEST(ForeignContents, NamesEmptinessAndZeros) {
  expect_part(what_is(""), "is empty (0 bytes)");
  expect_part(what_is(std::string(3, '\0')), "holds nothing but zeros (3 bytes)");
  const auto large = foreign_contents(std::string(10'000, '\0'), 1 << 20);
  ASSERT_TRUE(large);
  expect_part(large->what, "begins with 4096 zeros");
  expect_part(what_is(" \r\n "), "nothing but white space");
}

TEST(ForeignContents, NamesOtherEncodings) {
  expect_part(what_is("\xff\xfe{\0\"\0"s), "is UTF-16 text, but JSON is UTF-8");
  expect_part(what_is("\xfe\xff\0{"s), "is UTF-16 text");
  expect_part(what_is("{\0\"\0a\0"s), "is UTF-16 text");
  expect_part(what_is("\0\0\0{"s), "is UTF-32 text");
}

TEST(ForeignContents, LeavesWhatMayBeRight) {
  for (const std::string text :
       {"{}", "{\"architectures\":[]}", "{\"metadata\":{\"error\":1}}", "{\"version\":\"1.0\"}",
        "[1]", "\"text\"", "\xef\xbb\xbf{\"a\":1}", "\r\n{\r\n}"}) {
    EXPECT_EQ(what_is(text), "") << text;
  }
}

class DownloadsTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    AtomicFile file(directory_ / name);
    file.write(text);
    file.commit();
  }
  std::string refusal(const std::string& name) const {
    try {
      read_json_file(directory_ / name, 1 << 20);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  test::TemporaryDirectory scratch_;
  std::filesystem::path directory_ = scratch_.path();
};

TEST_F(DownloadsTest, ReadsJsonWithAByteOrderMarkAndWindowsLines) {
  write("a.json", "\xef\xbb\xbf{\r\n\"a\": 1\r\n}\r\n");
  EXPECT_EQ(read_json_file(directory_ / "a.json", 100), "{\r\n\"a\": 1\r\n}\r\n");
  expect_part(
      [&] {
        write("b.json", "\xff\xfe{\0}\0"s);
        return refusal("b.json");
      }(),
      "b.json: is UTF-16 text");
}

TEST_F(DownloadsTest, RefusesAFileThatIsStillBeingWritten) {
  write("a.json", "{}");
  EXPECT_EQ(refusal("a.json"), "");
  write("a.json.aria2", "x");
  expect_part(refusal("a.json"), "a.json.aria2 lies beside it");
  expect_part(refusal("a.json"), "aria2c -c");
}

TEST_F(DownloadsTest, FindsTheRemainsOfADownload) {
  EXPECT_EQ(unfinished_download_of(directory_ / "a"), "");
  write("a.part", "x");
  EXPECT_EQ(unfinished_download_of(directory_ / "a"), "a.part");
}

}  // namespace
}  // namespace hadal
