#include "cli/background_errors.h"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <utility>

#include "cli/terminal.h"

namespace hadal {
namespace {

// Standard error is a pipe that holds a page, while one lives.
class StuckErrors {
 public:
  StuckErrors() {
    std::signal(SIGPIPE,
                SIG_IGN);  // as the program does: a thread may still write as this one ends
    EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0);
    constexpr int kPage = 4096;
    ::fcntl(ends_[1], F_SETPIPE_SZ, kPage);
    ::dup2(ends_[1], STDERR_FILENO);
    ::close(ends_[1]);
  }
  ~StuckErrors() {
    ::dup2(kept_, STDERR_FILENO);
    ::close(kept_);
    ::close(ends_[0]);
  }
  StuckErrors(const StuckErrors&) = delete;
  StuckErrors& operator=(const StuckErrors&) = delete;

  // Until the other side has begun to write.
  void wait_for_input() const {
    pollfd input{.fd = ends_[0], .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&input, 1, -1), 1);
  }

  // Reads on until `text` has come.
  std::string read_until(const std::string& text) {
    char buffer[4096];
    while (seen_.find(text) == std::string::npos) {
      const ssize_t n = ::read(ends_[0], buffer, sizeof(buffer));
      if (n <= 0) break;
      seen_.append(buffer, static_cast<size_t>(n));
    }
    return seen_;
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
  int kept_ = ::dup(STDERR_FILENO);
  std::string seen_;
};

TEST(BackgroundErrorsTest, WritesInOrder) {
  StuckErrors stuck;
  const BackgroundErrors errors;
  write_err("one\n");
  write_err("two\n");
  EXPECT_EQ(stuck.read_until("two\n"), "one\ntwo\n");
}

TEST(BackgroundErrorsTest, DropsTheOldestAndTellsHowMany) {
  StuckErrors stuck;
  const BackgroundErrors errors;
  constexpr int kTexts = 3000;
  const std::string filling(1000, 'x');  // three times what is kept
  for (int i = 0; i < kTexts; ++i) {
    write_err(std::to_string(i) + " " + filling + "\n");
    if (i == 0) stuck.wait_for_input();  // or the first is dropped with those that follow
  }
  write_err("last\n");
  const std::string seen = stuck.read_until("last\n");
  EXPECT_TRUE(seen.starts_with("0 x"));
  EXPECT_NE(seen.find(std::to_string(kTexts - 1) + " x"), std::string::npos);
  // Told once, or several times as the writer came to it.
  const std::string notice = " lines of the log could not be written\n";
  int lost = 0;
  for (size_t at = 0; (at = seen.find(notice, at)) != std::string::npos; ++at) {
    const size_t number = seen.rfind(' ', at - 1) + 1;
    lost += std::stoi(seen.substr(number, at - number));
  }
  EXPECT_GT(lost, 0);
  int come = 0;
  for (size_t line = 0; (line = seen.find(filling, line)) != std::string::npos; ++line) ++come;
  EXPECT_EQ(come + lost, kTexts);
}

TEST(BackgroundErrorsTest, EndsThoughNobodyReads) {
  StuckErrors stuck;
  {
    const BackgroundErrors errors;
    for (int i = 0; i < 1000; ++i) write_err(std::string(1000, 'x') + "\n");
  }
  EXPECT_FALSE(BackgroundErrors::take("x"));
}

}  // namespace
}  // namespace hadal
