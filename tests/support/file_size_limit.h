// A full disk without a full disk: while it lives no file of this process grows beyond a size, and
// writes past it fail half way.
#pragma once

#include <csignal>
#include <cstddef>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace hadal {

class FileSizeLimit {
 public:
  explicit FileSizeLimit(size_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    struct rlimit limit = before_;
    limit.rlim_cur = bytes;
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before_), 0);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  struct rlimit before_ = {};
  void (*old_handler_)(int);
};

}  // namespace hadal
