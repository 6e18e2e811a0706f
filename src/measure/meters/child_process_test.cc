#include "measure/meters/child_process.h"

#include <array>
#include <functional>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"
#include "measure/meters/command_words.h"
#include "support/error_code.h"

namespace hadal {
namespace {

using test::code_of;

constexpr double kLong = 60;  // seconds; no test waits for it
constexpr double kShort = 0.1;

// Tells when all processes that inherited it are gone: it is a pipe that they hold open.
class Lifeline {
 public:
  Lifeline() { EXPECT_EQ(::pipe(ends_.data()), 0); }
  ~Lifeline() { ::close(ends_[0]); }
  // After the processes were started.
  void let_go() { ::close(ends_[1]); }
  bool is_cut() {
    pollfd watched = {.fd = ends_[0], .events = POLLIN, .revents = 0};
    return ::poll(&watched, 1, 60'000) == 1 && (watched.revents & POLLHUP) != 0;
  }

 private:
  std::array<int, 2> ends_ = {};
};

TEST(ChildProcess, GivesWhatWasPrinted) {
  EXPECT_EQ(run_command({"printf", "%s\\n", "two words", "$HOME"}, kLong), "two words\n$HOME\n");
}

TEST(ChildProcess, TellsOfACommandThatIsNotThere) {
  std::string text;
  EXPECT_EQ(code_of([] { run_command({"no-such-command-of-hadal"}, kLong); }, &text),
            ErrorCode::kNotFound);
  EXPECT_NE(text.find("no-such-command-of-hadal: no such command"), std::string::npos) << text;
}

TEST(ChildProcess, TellsTheStatusAndTheLastLineOfStderr) {
  std::string text;
  EXPECT_EQ(
      code_of(
          [] {
            run_command({"/bin/sh", "-c", "echo first >&2; echo the reason >&2; exit 3"}, kLong);
          },
          &text),
      ErrorCode::kUnavailable);
  EXPECT_NE(text.find("ended with status 3: \"the reason\""), std::string::npos) << text;
  EXPECT_EQ(code_of(
                [] {
                  run_command({"/bin/sh", "-c", "kill -9 $$"}, kLong);
                },
                &text),
            ErrorCode::kUnavailable);
  EXPECT_NE(text.find("was ended by signal 9"), std::string::npos) << text;
}

TEST(ChildProcess, StopsOneThatHangs) {
  EXPECT_EQ(code_of([] { run_command({"sleep", "1000"}, kShort); }), ErrorCode::kDeadlineExceeded);
}

TEST(ChildProcess, StopsOneThatFloods) {
  EXPECT_EQ(code_of([] { run_command({"yes"}, kLong, 1000); }), ErrorCode::kResourceExhausted);
  EXPECT_EQ(code_of([] {
              run_command({"/bin/sh", "-c", "yes >&2"}, kLong);
            }),
            ErrorCode::kResourceExhausted);
}

// The pipe stays open as long as anything that the command started holds it.
TEST(ChildProcess, DoesNotWaitForWhatACommandLeftBehindAndEndsIt) {
  Lifeline lifeline;
  EXPECT_EQ(run_command({"/bin/sh", "-c", "sleep 1000 & echo 5"}, kLong), "5\n");
  lifeline.let_go();
  EXPECT_TRUE(lifeline.is_cut());
}

TEST(ChildProcess, KillsOneThatDoesNotWantToEnd) {
  Lifeline lifeline;
  {
    ChildProcess child({"/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done"});
    lifeline.let_go();
    while (child.output().find('\n') == std::string::npos) {
      ASSERT_TRUE(child.wait(seconds_from_now(kLong)));
    }
  }
  EXPECT_TRUE(lifeline.is_cut());
}

TEST(CommandWords, AreAShellsWithoutAShell) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(command_words("  my-meter --once  5 "), (Words{"my-meter", "--once", "5"}));
  EXPECT_EQ(command_words(R"(a 'b c' "d \"e\" f" g\ h '' i'j'k)"),
            (Words{"a", "b c", "d \"e\" f", "g h", "", "ijk"}));
  EXPECT_EQ(command_words("a '$HOME' '|'"), (Words{"a", "$HOME", "|"}));
  EXPECT_EQ(command_words("meter --rate=2"), (Words{"meter", "--rate=2"}));
}

TEST(CommandWords, LeaveToAShellWhatOnlyAShellCanDo) {
  for (const char* command : {"a | b", "a; b", "a > b", "a $HOME", "a \"$HOME\"", "A=1 b", "a *"}) {
    EXPECT_EQ(command_words(command), (std::vector<std::string>{"/bin/sh", "-c", command}));
  }
}

TEST(CommandWords, RefuseWhatIsNoCommand) {
  EXPECT_EQ(code_of([] { command_words("  "); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] { command_words("a 'b"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] { command_words(std::string("a\0b", 3)); }), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hadal
