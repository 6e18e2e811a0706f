// The conversation on a terminal: editing, Ctrl-C stops an answer and not the program, Ctrl-D
// leaves.
#include <chrono>
#include <csignal>
#include <gtest/gtest.h>
#include <map>
#include <poll.h>
#include <pty.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <utmp.h>
#include <vector>

#include "program.h"

namespace hadal::integration {
namespace {

// hadal on a pseudo-terminal.
class Terminal {
 public:
  explicit Terminal(std::vector<std::string> words = {"run", "--temperature", "0"},
                    const std::map<std::string, std::string>& environment = {}) {
    words.insert(words.begin(), hadal_binary());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int slave = -1;
    if (::openpty(&master_, &slave, nullptr, nullptr, nullptr) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::login_tty(slave);
      ::unsetenv("NO_COLOR");
      ::setenv("TERM", "xterm", 1);
      for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(slave);
  }
  ~Terminal() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& keys) const {
    EXPECT_EQ(::write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  // Reads until `text` appears after what was waited for before. False when it does not come.
  bool wait_for(const std::string& text) {
    constexpr auto kLimit = std::chrono::seconds(60);
    const auto deadline = std::chrono::steady_clock::now() + kLimit;
    while (true) {
      if (const size_t at = seen_.find(text, consumed_); at != std::string::npos) {
        consumed_ = at + text.size();
        return true;
      }
      if (std::chrono::steady_clock::now() > deadline || !read_more()) return false;
    }
  }

  // The exit status once the program has ended by itself.
  int exit_status() {
    while (read_more()) {
    }
    return wait_for_end(std::exchange(pid_, -1));
  }

  const std::string& seen() const { return seen_; }

 private:
  bool read_more() {
    constexpr int kWaitMs = 60000;
    pollfd ready = {.fd = master_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, kWaitMs) <= 0) return false;
    char buffer[4096];
    const ssize_t n = ::read(master_, buffer, sizeof(buffer));
    if (n <= 0) return false;
    seen_.append(buffer, static_cast<size_t>(n));
    return true;
  }

  int master_ = -1;
  pid_t pid_ = -1;
  std::string seen_;
  size_t consumed_ = 0;
};

constexpr const char* kPrompt = "> ";

TEST(InteractiveTest, AnswersAndLeavesOnEndOfInput) {
  Terminal terminal;
  ASSERT_TRUE(terminal.wait_for(kPrompt)) << terminal.seen();
  terminal.type("Victor has a white owl. What pet does Victor have?\r");
  ASSERT_TRUE(terminal.wait_for("Victor has a white owl.\r\n")) << terminal.seen();
  ASSERT_TRUE(terminal.wait_for(kPrompt)) << terminal.seen();
  terminal.type("\x04");
  EXPECT_EQ(terminal.exit_status(), 0);
}

TEST(InteractiveTest, CtrlCStopsTheAnswerNotTheProgram) {
  Terminal terminal;
  ASSERT_TRUE(terminal.wait_for(kPrompt)) << terminal.seen();
  terminal.type("Count from 1 to 200.\r");
  ASSERT_TRUE(terminal.wait_for("\r\n")) << terminal.seen();
  terminal.type("\x03");
  ASSERT_TRUE(terminal.wait_for(kPrompt)) << terminal.seen();
  terminal.type("/help\r");
  ASSERT_TRUE(terminal.wait_for("/reset")) << terminal.seen();
  terminal.type("/quit\r");
  EXPECT_EQ(terminal.exit_status(), 0);
}

TEST(InteractiveTest, CtrlCTwiceAtThePromptLeaves) {
  Terminal terminal;
  ASSERT_TRUE(terminal.wait_for(kPrompt)) << terminal.seen();
  terminal.type("half a line\x03");
  ASSERT_TRUE(terminal.wait_for("Ctrl-C again")) << terminal.seen();
  ASSERT_TRUE(terminal.wait_for(kPrompt)) << terminal.seen();
  terminal.type("\x03");
  EXPECT_EQ(terminal.exit_status(), 0);
}

TEST(InteractiveTest, AnErrorKeepsTheConversation) {
  Terminal terminal;
  ASSERT_TRUE(terminal.wait_for(kPrompt)) << terminal.seen();
  terminal.type("/rest\r");
  ASSERT_TRUE(terminal.wait_for("did you mean /reset?")) << terminal.seen();
  ASSERT_TRUE(terminal.wait_for(kPrompt)) << terminal.seen();
  terminal.type("\x04");
  EXPECT_EQ(terminal.exit_status(), 0);
}

// The sequences that set colours and brightness end in m.
bool has_colours(const std::string& text) {
  // ESC [ numbers m
  for (size_t at = text.find("\x1b["); at != std::string::npos; at = text.find("\x1b[", at + 1)) {
    const size_t end = text.find_first_not_of("0123456789;", at + 2);
    if (end != std::string::npos && text[end] == 'm') return true;
  }
  return false;
}

TEST(InteractiveTest, ReasoningIsDimmedUnlessColoursAreRefused) {
  const std::vector<std::string> words = {"run", "--think",         "high", "--temperature", "0",
                                          "-p",  "What is 12 + 30?"};
  const auto seen = [&](const std::map<std::string, std::string>& environment) {
    Terminal terminal(words, environment);
    EXPECT_EQ(terminal.exit_status(), 0);
    EXPECT_NE(terminal.seen().find("12 + 30 = 42."), std::string::npos) << terminal.seen();
    return terminal.seen();
  };
  EXPECT_TRUE(has_colours(seen({})));
  EXPECT_TRUE(has_colours(seen({{"NO_COLOR", ""}})));
  EXPECT_FALSE(has_colours(seen({{"NO_COLOR", "1"}})));
}

#ifdef HADAL_WITH_SERVER
TEST(InteractiveTest, TheLogIsColouredUnlessColoursAreRefused) {
  for (const std::string refused : {"", "1"}) {
    Terminal terminal({"serve", "--port", "0"}, {{"NO_COLOR", refused}});
    // The status line: by now Ctrl-C stops the server in good order.
    ASSERT_TRUE(terminal.wait_for(" running, ")) << terminal.seen();
    terminal.type("\x03");
    EXPECT_EQ(terminal.exit_status(), 0) << terminal.seen();
    EXPECT_EQ(has_colours(terminal.seen()), refused.empty()) << terminal.seen();
  }
}
#endif

}  // namespace
}  // namespace hadal::integration
