#include "measure/store/writer_identity.h"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hadal {
namespace {

TEST(WriterIdentityTest, ThisProcessIsAlive) {
  const WriterIdentity writer = this_process();
  EXPECT_EQ(writer.process, ::getpid());
  EXPECT_GT(writer.started, 0);
  EXPECT_EQ(state_of(writer), WriterState::kAlive);
}

TEST(WriterIdentityTest, AnEndedProcessIsGone) {
  WriterIdentity writer = this_process();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  writer.process = child;
  siginfo_t ended = {};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(state_of(writer), WriterState::kGone) << "ended, and its parent has not asked yet";
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(state_of(writer), WriterState::kGone);
}

TEST(WriterIdentityTest, AnotherProcessOfTheSameNumberIsNotTheWriter) {
  WriterIdentity writer = this_process();
  writer.started += 1;
  EXPECT_EQ(state_of(writer), WriterState::kGone);
}

TEST(WriterIdentityTest, OfOtherMachinesNothingIsKnown) {
  WriterIdentity other_host = this_process();
  other_host.host += "-2";
  EXPECT_EQ(state_of(other_host), WriterState::kElsewhere);
  WriterIdentity other_container = this_process();
  other_container.process_space += "1";
  EXPECT_EQ(state_of(other_container), WriterState::kElsewhere);
}

}  // namespace
}  // namespace hadal
