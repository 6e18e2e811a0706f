// Signals to the commands that are no servers: they end at once, by the signal as shells know it,
// and leave nothing behind: no temporary files, no half model, no terminal in an editor's mode.
#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <poll.h>
#include <pty.h>
#include <random>
#include <string>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <thread>
#include <unistd.h>
#include <utmp.h>
#include <vector>

#include "program.h"

namespace hadal::integration {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

// Nothing is unpacked into a cache but into TMPDIR, for this run only.
std::map<std::string, std::string> without_cache(const Scratch& scratch) {
  return {{"XDG_CACHE_HOME", "/proc/nowhere"},
          {"HOME", "/proc"},
          {"TMPDIR", scratch.path("").string()}};
}

TEST(InterruptedTest, SynthLeavesAWholeModelOrNone) {
  constexpr int kTries = 60;
  std::mt19937 random(1);
  int cut = 0;
  for (int i = 0; i < kTries; ++i) {
    const Scratch scratch;
    const std::string directory = scratch.path("model").string();
    const int signal = kSignals[static_cast<size_t>(i) % kSignals.size()];
    const pid_t pid = start_hadal({"synth", "pico", directory}, -1, -1, -1);
    constexpr unsigned kMostDelayUs = 100'000;
    std::this_thread::sleep_for(std::chrono::microseconds(random() % kMostDelayUs));
    ::kill(pid, signal);
    const int status = wait_for_end(pid);
    if (status == 0) {
      EXPECT_TRUE(std::filesystem::exists(directory + "/config.json"));
    } else {
      EXPECT_EQ(status, 128 + signal);
      ++cut;
    }
    // A signal after the last file leaves the model whole.
    const bool whole = std::filesystem::exists(directory + "/config.json");
    EXPECT_TRUE(whole || std::filesystem::is_empty(scratch.path("")));
    if (whole) {
      for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        EXPECT_EQ(entry.path().string().find(".tmp-"), std::string::npos) << entry.path();
      }
    }
  }
  EXPECT_GT(cut, 0);
}

TEST(InterruptedTest, SynthUnderNohupGoesOn) {
  const Scratch scratch;
  const std::string directory = scratch.path("model").string();
  const pid_t pid = start_hadal({"synth", "pico", directory}, -1, -1, -1, {},
                                {"/bin/sh", "-c", R"(trap '' HUP; exec "$0" "$@")"});
  while (!std::filesystem::exists(directory) && ::waitpid(pid, nullptr, WNOHANG) == 0) {
  }
  ::kill(pid, SIGHUP);
  EXPECT_EQ(wait_for_end(pid), 0);
  EXPECT_TRUE(std::filesystem::exists(directory + "/config.json"));
}

TEST(InterruptedTest, BenchEndsAtOnceWithItsTemporaryFiles) {
  const std::vector<std::vector<std::string>> kCommands = {{"bench", "kernels"},
                                                           {"bench", "engine"}};
  std::mt19937 random(2);
  for (const std::vector<std::string>& words : kCommands) {
    for (const int signal : kSignals) {
      const Scratch scratch;
      const pid_t pid = start_hadal(words, -1, -1, -1, without_cache(scratch));
      constexpr unsigned kMostDelayUs = 400'000;
      std::this_thread::sleep_for(std::chrono::microseconds(random() % kMostDelayUs));
      ::kill(pid, signal);
      EXPECT_EQ(wait_for_end(pid), 128 + signal) << words[1];
      EXPECT_TRUE(std::filesystem::is_empty(scratch.path(""))) << words[1];
    }
  }
}

// hadal run, whose answer goes to a pipe.
class PipedRun {
 public:
  explicit PipedRun(const Scratch& scratch, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"run", "-p", "Anna lives in Lisbon. Where does Anna live?",
                                      "--threads", "1"};
    words.insert(words.end(), more.begin(), more.end());
    std::array<int, 2> ends = {-1, -1};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    constexpr int kPage = 4096;
    ::fcntl(ends[1], F_SETPIPE_SZ, kPage);
    pid_ = start_hadal(words, -1, ends[1], -1, without_cache(scratch));
    ::close(ends[1]);
    reader_ = ends[0];
  }
  ~PipedRun() { ::close(reader_); }
  PipedRun(const PipedRun&) = delete;
  PipedRun& operator=(const PipedRun&) = delete;

  pid_t pid() const { return pid_; }
  // Until the answer has begun.
  void wait_for_answer() const {
    pollfd ready = {.fd = reader_, .events = POLLIN, .revents = 0};
    EXPECT_GT(::poll(&ready, 1, -1), 0);
  }

 private:
  pid_t pid_ = -1;
  int reader_ = -1;
};

TEST(InterruptedTest, RunEndsWhereverItIs) {
  constexpr int kTries = 60;
  std::mt19937 random(3);
  for (int i = 0; i < kTries; ++i) {
    const Scratch scratch;
    const int signal = kSignals[static_cast<size_t>(i) % kSignals.size()];
    const PipedRun run(scratch, {"--temperature", "2"});
    constexpr unsigned kMostDelayUs = 150'000;
    std::this_thread::sleep_for(std::chrono::microseconds(random() % kMostDelayUs));
    ::kill(run.pid(), signal);
    const int status = wait_for_end(run.pid());
    EXPECT_TRUE(status == 128 + signal || status == 0) << status;
    EXPECT_TRUE(std::filesystem::is_empty(scratch.path("")));
  }
}

// Nobody reads, and the answer waits in a write that nothing but a signal can end.
TEST(InterruptedTest, RunEndsThoughItsOutputIsStuck) {
  for (const int signal : kSignals) {
    const Scratch scratch;
    std::string input;
    for (int i = 0; i < 400; ++i) input += "Anna lives in Lisbon. Where does Anna live?\n/reset\n";
    write_bytes(scratch.path("in"), input);
    const int in = ::open(scratch.path("in").c_str(), O_RDONLY | O_CLOEXEC);
    std::array<int, 2> ends = {-1, -1};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    constexpr int kPage = 4096;
    constexpr int kLongAnswer = 200;
    ASSERT_EQ(::fcntl(ends[1], F_SETPIPE_SZ, kPage), kPage);
    const pid_t pid = start_hadal({"run", "--threads", "1"}, in, ends[1], -1);
    ::close(in);
    ::close(ends[1]);
    for (int waiting = 0; waiting < kPage - kLongAnswer;) {
      ASSERT_EQ(::ioctl(ends[0], FIONREAD, &waiting), 0);
      ASSERT_EQ(::waitpid(pid, nullptr, WNOHANG), 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    // Ctrl-C first stops the answer, then ends the program.
    do {
      ::kill(pid, signal);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      siginfo_t ended = {};
      ::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT);
      if (ended.si_pid != 0) break;
    } while (true);
    EXPECT_EQ(wait_for_end(pid), 128 + signal);
    ::close(ends[0]);
  }
}

TEST(InterruptedTest, ATerminalGetsItsModeBack) {
  for (const int signal : {SIGTERM, SIGHUP}) {
    int master = -1;
    int slave = -1;
    ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    termios before = {};
    ASSERT_EQ(::tcgetattr(slave, &before), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::login_tty(::dup(slave));
      ::setenv("TERM", "xterm", 1);
      ::execl(hadal_binary(), hadal_binary(), "run", "--threads", "1", nullptr);
      ::_exit(127);
    }
    std::string seen;
    while (seen.find("> ") == std::string::npos) {
      char buffer[1024];
      const ssize_t n = ::read(master, buffer, sizeof(buffer));
      ASSERT_GT(n, 0) << seen;
      seen.append(buffer, static_cast<size_t>(n));
    }
    ::kill(pid, signal);
    EXPECT_EQ(wait_for_end(pid), 128 + signal);
    termios after = {};
    ASSERT_EQ(::tcgetattr(slave, &after), 0);
    EXPECT_EQ(after.c_lflag, before.c_lflag);
    EXPECT_EQ(after.c_iflag, before.c_iflag);
    ::close(master);
    ::close(slave);
  }
}

// A parent that starts programs from a thread of its own may leave signals blocked in them.
TEST(InterruptedTest, BlockedSignalsWorkAgain) {
  const Scratch scratch;
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  const pid_t pid = start_hadal({"bench", "kernels"}, -1, -1, -1);
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait_for_end(pid), 128 + SIGTERM);
}

}  // namespace
}  // namespace hadal::integration
