// A file is written under a temporary name and renamed; given /dev/null, or a link to it, as the
// name, root would have replaced the device by a file.
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

TEST(OutputReplacesDeviceTest, IsRefused) {
  const test::TemporaryDirectory directory;
  const std::filesystem::path pipe = directory / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW(AtomicFile file(pipe), Error);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  EXPECT_THROW(AtomicFile file("/dev/null"), Error);
}

}  // namespace
}  // namespace hadal
