#include "base/leftovers.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

// What the thread does that a signal wakes.
[[noreturn]] void end_by_signal() {
  take_back_leftovers();
  ::_exit(0);
}

// Taking back is for the last moments of a process, so it happens in a child.
template <typename Live>
void in_child(const Live& live) {
  const pid_t child = ::fork();
  if (child == 0) {
    live();
    ::_exit(1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

class LeftoversTest : public testing::Test {
 protected:
  size_t files() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  void put(const std::string& name) const { std::ofstream(folder_ / name) << "x"; }

  // No ScratchDirectory: a child would take it back as its own.
  test::TemporaryDirectory scratch_;
  fs::path folder_ = scratch_.path();
};

TEST_F(LeftoversTest, TakesBackTheNewestFirst) {
  in_child([&] {
    const Leftover outer([&] { put("outer"); },
                         [&] {
                           fs::remove(folder_ / "outer");
                           if (fs::exists(folder_ / "inner")) put("wrong order");
                         });
    const Leftover inner([&] { put("inner"); }, [&] { fs::remove(folder_ / "inner"); });
    end_by_signal();
  });
  EXPECT_EQ(files(), 0U);
}

TEST_F(LeftoversTest, LeavesWhatIsKeptOrDroppedOrNeverWasMade) {
  in_child([&] {
    Leftover kept([&] { put("kept"); }, [&] { fs::remove(folder_ / "kept"); });
    kept.keep([] {});
    {
      const Leftover dropped([&] { put("dropped"); }, [&] { fs::remove(folder_ / "dropped"); });
    }
    try {
      const Leftover never([] { throw std::runtime_error("full"); },
                           [&] { fs::remove(folder_ / "dropped"); });
    } catch (const std::runtime_error&) {
      put("seen");
    }
    end_by_signal();
  });
  EXPECT_EQ(files(), 3U);
}

TEST_F(LeftoversTest, AFileThatIsNotCommittedGoes) {
  in_child([&] {
    AtomicFile committed(folder_ / "committed");
    committed.write("whole");
    committed.commit();
    AtomicFile cut(folder_ / "cut");
    cut.write("half");
    end_by_signal();
  });
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(read_text_file(folder_ / "committed", 100), "whole");
}

TEST_F(LeftoversTest, ScratchDirectoriesGoWithTheirFiles) {
  in_child([&] {
    const ScratchDirectory by_signal(folder_, "a-");
    std::ofstream(by_signal.path() / "file") << "x";
    { const ScratchDirectory by_scope(folder_, "b-"); }
    end_by_signal();
  });
  EXPECT_EQ(files(), 0U);
}

}  // namespace
}  // namespace hadal
