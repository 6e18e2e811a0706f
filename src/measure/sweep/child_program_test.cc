#include "measure/sweep/child_program.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

constexpr double kLong = 60;  // seconds; nothing here takes as long

ChildProgramOptions shell(const std::string& script) {
  return {.words = {"sh", "-c", script}, .own_group = true};
}

// Whether a process is gone soon, or waits for somebody to look at its end.
bool ends(pid_t process) {
  const std::string status = "/proc/" + std::to_string(process) + "/stat";
  for (int i = 0; i < 1000; ++i) {
    std::string text;
    try {
      text = read_text_file(status, 4096);
    } catch (const Error&) {
      return true;
    }
    if (text.find(") Z") != std::string::npos) return true;
    ChildProgram(shell("exit 0")).wait(kLong);
  }
  return false;
}

TEST(ChildProgram, TellsHowItEnded) {
  EXPECT_EQ(ChildProgram(shell("exit 7")).wait(kLong), 7);
  EXPECT_EQ(ChildProgram(shell("kill -9 $$")).wait(kLong), 128 + 9);
}

TEST(ChildProgram, PrintsToItsLogAndHasItsEnvironment) {
  const test::TemporaryDirectory directory;
  const auto log = directory.path() / "log";
  ChildProgramOptions options = shell("echo $WORD; echo bad >&2");
  options.environment = {{"WORD", "good"}};
  options.log = log;
  ChildProgram child(options);
  EXPECT_EQ(child.wait(kLong), 0);
  EXPECT_EQ(read_text_file(log, 1000), "good\nbad\n");
}

TEST(ChildProgram, WhatDoesNotListenIsEndedByForceWithAllItStarted) {
  const test::TemporaryDirectory directory;
  const auto log = directory.path() / "log";
  ChildProgramOptions options = shell("trap '' TERM; sleep 600 & echo $!; wait; wait");
  options.log = log;
  ChildProgram child(options);
  while (read_text_file(log, 1000).find('\n') == std::string::npos) child.wait(0.01);
  const pid_t grandchild = std::stoi(read_text_file(log, 1000));
  child.stop(0.05);
  EXPECT_EQ(child.wait(kLong), 128 + 9);
  EXPECT_TRUE(ends(grandchild));
}

TEST(ChildProgram, WhatItLeavesBehindEndsWithIt) {
  const test::TemporaryDirectory directory;
  ChildProgramOptions options = shell("sleep 600 & echo $!");
  options.log = directory.path() / "log";
  ChildProgram child(options);
  EXPECT_EQ(child.wait(kLong), 0);
  EXPECT_TRUE(ends(std::stoi(read_text_file(options.log, 1000))));
}

TEST(ChildProgram, SaysWhatCannotBeStarted) {
  const auto code_of = [](const std::string& name) {
    try {
      const ChildProgram child({.words = {name}});
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code_of("no-program-of-that-name"), ErrorCode::kNotFound);
  EXPECT_EQ(code_of("/nowhere/program"), ErrorCode::kNotFound);
  EXPECT_EQ(code_of("/etc/passwd"), ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace hadal
