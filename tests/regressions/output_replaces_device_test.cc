// A file is written under a temporary name and renamed; given /dev/null, or a link to it, as the
// name, root would have replaced the device by a file.
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"

namespace hadal {
namespace {

TEST(OutputReplacesDeviceTest, IsRefused) {
  std::string directory = testing::TempDir() + "hadal-output-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::filesystem::path pipe = std::filesystem::path(directory) / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW(AtomicFile file(pipe), Error);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  EXPECT_THROW(AtomicFile file("/dev/null"), Error);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace hadal
