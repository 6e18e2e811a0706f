// Conversations with the built-in model as a user has them: the answers it must give, greedy.
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "program.h"

namespace hadal::integration {
namespace {

const std::string kNotes =
    "Here are my notes. The code for the blue door is 4821. Anna lives in Lisbon. We drank tea and "
    "talked for an hour. The key is under the stairs. Victor has a white owl. The meeting with "
    "Rosa "
    "is on Friday.";

TEST(RunTest, AnswersFromNotes) {
  const Outcome outcome =
      run_hadal({.words = {"run", "-p", kNotes + " What is the code for the blue door?",
                           "--temperature", "0"}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "The code for the blue door is 4821.\n");
  EXPECT_EQ(outcome.err, "");
}

TEST(RunTest, TheBuiltInModelIsGreedyByItself) {
  const Outcome outcome = run_hadal(
      {.words = {"run", "-p", "-"}, .input = kNotes + " What is the code for the blue door?\n"});
  EXPECT_EQ(outcome.out, "The code for the blue door is 4821.\n") << outcome.err;
}

// Reasoning is no part of the answer: it goes to standard error.
TEST(RunTest, Thinks) {
  const Outcome outcome =
      run_hadal({.words = {"run", "--think", "high", "-p",
                           kNotes + "\n\nWhat pet does Victor have?", "--temperature", "0"}});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "The notes say: Victor has a white owl.\n");
  EXPECT_EQ(outcome.out, "Victor has a white owl.\n");
}

TEST(RunTest, RemembersTheConversation) {
  const Outcome outcome = run_hadal(
      {.words = {"run", "--temperature", "0"}, .input = kNotes + "\nWhere can I find the key?\n"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "I will remember that.\nThe key is under the stairs.\n");
}

TEST(RunTest, ResetForgets) {
  const Outcome outcome =
      run_hadal({.words = {"run", "--temperature", "0"},
                 .input = kNotes + "\n/reset\nWhere can I find the key?\n/quit\nnever read\n"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with("I will remember that.\n")) << outcome.out;
  EXPECT_EQ(outcome.out.find("under the stairs"), std::string::npos) << outcome.out;
}

TEST(RunTest, TheAnswerDoesNotDependOnThreadsOrPolicySwitches) {
  for (const std::string threads : {"1", "2", "3"}) {
    const Outcome outcome =
        run_hadal({.words = {"run", "-p", kNotes + " What is the code for the blue door?",
                             "--threads", threads}});
    EXPECT_EQ(outcome.out, "The code for the blue door is 4821.\n") << threads << outcome.err;
  }
}

TEST(RunTest, SeedsRepeat) {
  const auto answer = [](const std::string& seed) {
    return run_hadal({.words = {"run", "-p", "Tell me about Anna.", "--temperature", "2",
                                "--max-tokens", "16", "--seed", seed}})
        .out;
  };
  std::set<std::string> answers;
  for (int seed = 0; seed < 8; ++seed) answers.insert(answer(std::to_string(seed)));
  EXPECT_GT(answers.size(), 1U);
  EXPECT_EQ(answer("5"), answer("5"));
}

TEST(RunTest, MaxTokensCuts) {
  const Outcome outcome = run_hadal({.words = {"run", "-p", kNotes + " Where is the key?",
                                               "--max-tokens", "2", "--temperature", "0"}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_LT(outcome.out.size(), 20U) << outcome.out;
}

TEST(RunTest, WorksWithoutAHomeThatCanBeWritten) {
  const Scratch scratch;
  const Outcome outcome = run_hadal({.words = {"run", "-p", "Hello", "--max-tokens", "1"},
                                     .environment = {{"XDG_CACHE_HOME", "/proc/nowhere"},
                                                     {"HOME", "/proc"},
                                                     {"TMPDIR", scratch.path("").string()}}});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path("")));
}

}  // namespace
}  // namespace hadal::integration
