// A server outlives what is around it: the reader of its log, its terminal, the disk its log lies
// on, standard streams that were closed before it began.
#include <algorithm>
#include <array>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <pty.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <utmp.h>
#include <vector>

#include "server_process.h"
#include "support/source_dir.h"

namespace hadal::integration {
namespace {

const std::string kModel = test::source_path("models/nano").string();

// Both ends of a pipe that holds no more than a page.
struct Pipe {
  Pipe() {
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    constexpr int kPage = 4096;
    ::fcntl(ends[1], F_SETPIPE_SZ, kPage);
  }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close_reader() { ::close(std::exchange(ends[0], -1)); }
  void close_writer() { ::close(std::exchange(ends[1], -1)); }
  int reader() const { return ends[0]; }
  int writer() const { return ends[1]; }

  std::array<int, 2> ends = {-1, -1};
};

// Reads until the server's address has come.
uint16_t read_port(int fd) {
  std::string log;
  char buffer[1024];
  while (port_in(log) == 0) {
    const ssize_t n = ::read(fd, buffer, sizeof(buffer));
    if (n <= 0) return 0;
    log.append(buffer, static_cast<size_t>(n));
  }
  return port_in(log);
}

pid_t start_server(int out, int err) {
  return start_hadal({"serve", "--port", "0", "--threads", "1", "--model", kModel}, -1, out, err);
}

constexpr int kLines = 300;  // more than a pipe of a page takes

// Makes so many lines in the log, and one more.
void expect_answers(uint16_t port) {
  Client client(port);
  for (int i = 0; i < kLines; ++i) client.send(get_text("/health"));
  client.send(post_text(long_chat(20, true)));
  EXPECT_TRUE(client.read_until("data: [DONE]"));
}

void expect_orderly_end(pid_t pid, int signal = SIGTERM) {
  EXPECT_EQ(::kill(pid, signal), 0);
  EXPECT_EQ(wait_for_end(pid), 0);
}

TEST(SurroundingsTest, TheReaderOfTheLogGoesAway) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Pipe pipe;
    const pid_t pid = start_server(pipe.writer(), pipe.writer());
    pipe.close_writer();
    const uint16_t port = read_port(pipe.reader());
    ASSERT_NE(port, 0);
    Client streaming(port);
    streaming.send(post_text(long_chat(300, true)));
    EXPECT_TRUE(streaming.read_until(R"("content":")"));
    pipe.close_reader();
    expect_answers(port);
    expect_orderly_end(pid, signal);
    EXPECT_EQ(judge(streaming.read_to_end()), Got::kWhole);
  }
}

TEST(SurroundingsTest, AReaderOfTheLogThatDoesNotRead) {
  for (const int flags : {0, O_NONBLOCK}) {
    Pipe pipe;
    ::fcntl(pipe.writer(), F_SETFL, flags);
    const pid_t pid = start_server(-1, pipe.writer());
    const uint16_t port = read_port(pipe.reader());
    ASSERT_NE(port, 0);
    expect_answers(port);
    expect_orderly_end(pid);
  }
}

TEST(SurroundingsTest, ALogThatGoesOnLaterIsWhole) {
  Pipe pipe;
  const pid_t pid = start_server(-1, pipe.writer());
  pipe.close_writer();
  const uint16_t port = read_port(pipe.reader());
  ASSERT_NE(port, 0);
  expect_answers(port);
  std::string log;
  char buffer[4096];
  while (std::count(log.begin(), log.end(), '\n') < kLines) {
    const ssize_t n = ::read(pipe.reader(), buffer, sizeof(buffer));
    ASSERT_GT(n, 0) << log;
    log.append(buffer, static_cast<size_t>(n));
  }
  EXPECT_EQ(log.find("could not be written"), std::string::npos) << log;
  expect_orderly_end(pid);
}

TEST(SurroundingsTest, AFullPipeFromTheBeginning) {
  Pipe pipe;
  ::fcntl(pipe.writer(), F_SETFL, O_NONBLOCK);
  const std::string filling(4096, 'x');
  while (::write(pipe.writer(), filling.data(), filling.size()) > 0) {
  }
  ::fcntl(pipe.writer(), F_SETFL, 0);
  const uint16_t port = free_port();
  const pid_t pid = start_hadal({"serve", "--port", std::to_string(port), "--threads", "1"}, -1,
                                pipe.writer(), pipe.writer());
  while (judge(ask(port, "/health")) != Got::kWhole) ASSERT_EQ(::waitpid(pid, nullptr, WNOHANG), 0);
  expect_answers(port);
  expect_orderly_end(pid);
}

TEST(SurroundingsTest, AFullDisk) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  const uint16_t port = free_port();
  const pid_t pid =
      start_hadal({"serve", "--port", std::to_string(port), "--threads", "1"}, -1, full, full);
  ::close(full);
  while (judge(ask(port, "/health")) != Got::kWhole) ASSERT_EQ(::waitpid(pid, nullptr, WNOHANG), 0);
  expect_answers(port);
  expect_orderly_end(pid);
}

// The limit raises a signal of its own, which ends programs that do not know it.
TEST(SurroundingsTest, ALogAtTheLimitOfFileSizes) {
  const Scratch scratch;
  const int log = ::open(scratch.path("log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const pid_t pid = start_hadal({"serve", "--port", "0", "--threads", "1", "--model", kModel}, -1,
                                log, log, {}, {"/bin/sh", "-c", R"(ulimit -f 4; exec "$0" "$@")"});
  ::close(log);
  const uint16_t port = wait_for_port(pid, scratch.path("log"));
  ASSERT_NE(port, 0) << read_bytes(scratch.path("log"));
  expect_answers(port);
  expect_orderly_end(pid);
}

TEST(SurroundingsTest, StreamsThatWereClosedBefore) {
  for (const std::string closed : {"2>&-", ">&- 2>&-", "<&- >&- 2>&-", "<&-"}) {
    const uint16_t port = free_port();
    const pid_t pid = start_hadal({"serve", "--port", std::to_string(port), "--threads", "1"}, -1,
                                  -1, -1, {}, {"/bin/sh", "-c", R"(exec "$0" "$@" )" + closed});
    while (judge(ask(port, "/health")) != Got::kWhole) {
      ASSERT_EQ(::waitpid(pid, nullptr, WNOHANG), 0);
    }
    expect_answers(port);
    for (const std::string fd : {"0", "1", "2"}) {
      EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/fd/" + fd),
                "/dev/null");
    }
    expect_orderly_end(pid);
  }
}

TEST(SurroundingsTest, AnAnswerForAClosedOutputIsAnError) {
  const Outcome outcome = run_hadal(
      {.words = {"run", "-p", "Hello"}, .emulator = {"/bin/sh", "-c", R"(exec "$0" "$@" >&-)"}});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("standard output: cannot be written"), std::string::npos)
      << outcome.err;
}

TEST(SurroundingsTest, TheTerminalGoesAway) {
  int master = -1;
  int slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  ::fcntl(master, F_SETFD, FD_CLOEXEC);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::login_tty(slave);
    ::setenv("TERM", "xterm", 1);
    ::execl(hadal_binary(), hadal_binary(), "serve", "--port", "0", "--threads", "1", nullptr);
    ::_exit(127);
  }
  ::close(slave);
  const uint16_t port = read_port(master);
  ASSERT_NE(port, 0);
  Client streaming(port);
  streaming.send(post_text(long_chat(300, true)));
  EXPECT_TRUE(streaming.read_until(R"("content":")"));
  ::close(master);  // SIGHUP, and errors for whoever writes
  expect_answers(port);
  expect_orderly_end(pid);
  EXPECT_EQ(judge(streaming.read_to_end()), Got::kWhole);
}

// As `hadal ... | head -1`.
TEST(SurroundingsTest, AReaderThatHasSeenEnoughEndsTheProgramQuietly) {
  const std::vector<std::vector<std::string>> kCommands = {
      {"run", "-p", "Victor has a white owl. What pet does Victor have?"},
      {"help"},
      {"inspect", kModel},
      {"bench", "cache", "--requests", "100"}};
  for (const std::vector<std::string>& words : kCommands) {
    const Scratch scratch;
    Pipe pipe;
    pipe.close_reader();
    const int err = ::open(scratch.path("err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const pid_t pid = start_hadal(words, -1, pipe.writer(), err);
    ::close(err);
    EXPECT_EQ(wait_for_end(pid), 128 + SIGPIPE) << words[0];
    EXPECT_EQ(read_bytes(scratch.path("err")), "") << words[0];
  }
}

TEST(SurroundingsTest, AnAnswerThatTheDiskDoesNotTakeIsAnError) {
  const Outcome outcome =
      run_hadal({.words = {"run", "-p", "Hello"},
                 .emulator = {"/bin/sh", "-c", R"(exec "$0" "$@" >/dev/full)"}});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find("standard output: cannot be written"), std::string::npos)
      << outcome.err;
}

// Others that share the pipe may have made it non-blocking.
TEST(SurroundingsTest, AnOutputThatDoesNotBlockIsWaitedFor) {
  Pipe pipe;
  ::fcntl(pipe.writer(), F_SETFL, O_NONBLOCK);
  const pid_t pid = start_hadal({"help", "--markdown"}, -1, pipe.writer(), -1);
  ::fcntl(pipe.writer(), F_SETFL, O_NONBLOCK);
  pipe.close_writer();
  std::string text;
  char buffer[256];
  for (ssize_t n = 0; (n = ::read(pipe.reader(), buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  EXPECT_EQ(wait_for_end(pid), 0);
  EXPECT_EQ(text, run_hadal({.words = {"help", "--markdown"}}).out);
}

}  // namespace
}  // namespace hadal::integration
