// The program on the oldest processor it promises to run on: nothing of the files that are compiled
// for newer instruction sets may have found its way into common code.
#include <gtest/gtest.h>

#include "program.h"

namespace hadal::integration {
namespace {

Outcome run_on_nehalem(const std::vector<std::string>& words) {
  return run_hadal({.words = words, .emulator = {HADAL_QEMU, "-cpu", "Nehalem"}});
}

TEST(OldProcessor, AnswersWithoutAvx) {
  const Outcome outcome = run_on_nehalem({"run", "--temperature", "0", "--threads", "2", "-p",
                                          "Victor has a white owl. What pet does Victor have?"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "Victor has a white owl.\n");
}

TEST(OldProcessor, RefusesInstructionSetsItLacks) {
  const Outcome outcome = run_on_nehalem({"run", "--isa", "avx2", "-p", "hello"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("this processor does not have it"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace hadal::integration
