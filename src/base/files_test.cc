#include "base/files.h"

#include <fcntl.h>
#include <functional>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/input_file.h"
#include "base/mapped_file.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

class InputFileTest : public testing::Test {
 protected:
  static std::string refusal(const std::function<void()>& act) {
    try {
      act();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  // Every way to open a file refuses `path`, and at once.
  static void expect_refused(const fs::path& path, const std::string& reason) {
    for (const std::string& line :
         {refusal([&] { read_text_file(path, 1 << 20); }), refusal([&] { MappedFile file(path); }),
          refusal([&] { InputFile file(path); })}) {
      EXPECT_NE(line.find(reason), std::string::npos) << path << " gave: " << line;
      EXPECT_TRUE(line.starts_with(path.string() + ": ")) << line;
    }
  }

  void write(const std::string& name, const std::string& text) const {
    AtomicFile file(directory_ / name);
    file.write(text);
    file.commit();
  }

  test::TemporaryDirectory scratch_;
  fs::path directory_ = scratch_.path();
};

TEST_F(InputFileTest, ReadsRegularFilesAndThoseThatLinksLeadTo) {
  write("file", "text");
  fs::create_symlink("file", directory_ / "link");
  EXPECT_EQ(read_text_file(directory_ / "link", 100), "text");
  EXPECT_EQ(InputFile(directory_ / "link").size(), 4U);
  EXPECT_EQ(MappedFile(directory_ / "link").bytes().size(), 4U);
}

TEST_F(InputFileTest, RefusesAPipeWithoutWaitingForItsOtherEnd) {
  ASSERT_EQ(::mkfifo((directory_ / "pipe").c_str(), 0600), 0);
  expect_refused(directory_ / "pipe", "is a pipe, not a file");
  fs::create_symlink("pipe", directory_ / "link");
  expect_refused(directory_ / "link", "is a pipe, not a file");
}

TEST_F(InputFileTest, RefusesAnInheritedPipe) {
  int ends[2] = {};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  expect_refused("/dev/fd/" + std::to_string(ends[0]), "is a pipe, not a file");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(InputFileTest, RefusesSocketsDevicesAndDirectories) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(fd, 0);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  const std::string path = (directory_ / "socket").string();
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  expect_refused(path, "is a socket, not a file");
  ::close(fd);
  expect_refused("/dev/zero", "is a device, not a file");
  expect_refused("/dev/null", "is a device, not a file");
  expect_refused(directory_, "is a directory, not a file");
}

TEST_F(InputFileTest, SaysWhereABrokenLinkLeads) {
  fs::create_symlink("../../blobs/0123", directory_ / "blob");
  expect_refused(directory_ / "blob", "is a symbolic link to ../../blobs/0123, which is not there");
  expect_refused(directory_ / "blob", "hf download");
  fs::create_symlink("circle", directory_ / "circle");
  expect_refused(directory_ / "circle", "leads round in a circle");
  expect_refused(directory_ / "absent", "cannot be opened (No such file or directory)");
  EXPECT_TRUE(has_entry(directory_ / "blob"));
  EXPECT_FALSE(has_entry(directory_ / "absent"));
}

TEST_F(InputFileTest, AtomicFileReplacesWhatALinkLeadsTo) {
  write("file", "old");
  fs::create_symlink("file", directory_ / "link");
  write("link", "new");
  EXPECT_TRUE(fs::is_symlink(directory_ / "link"));
  EXPECT_EQ(read_text_file(directory_ / "file", 100), "new");
}

TEST_F(InputFileTest, AtomicFileReplacesRegularFilesOnly) {
  ASSERT_EQ(::mkfifo((directory_ / "pipe").c_str(), 0600), 0);
  EXPECT_NE(refusal([&] { AtomicFile file(directory_ / "pipe"); }).find("is no regular file"),
            std::string::npos);
  EXPECT_NE(refusal([&] { AtomicFile file(directory_); }).find("is a directory"),
            std::string::npos);
  fs::create_symlink("/dev/null", directory_ / "null");
  EXPECT_NE(refusal([&] { AtomicFile file(directory_ / "null"); }).find("is no regular file"),
            std::string::npos);
  fs::create_symlink("absent", directory_ / "link");
  EXPECT_NE(refusal([&] { AtomicFile file(directory_ / "link"); }).find("leads nowhere"),
            std::string::npos);
  EXPECT_FALSE(has_entry(directory_ / "absent"));
}

}  // namespace
}  // namespace hadal
