#include "measure/meters/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kTimeToEnd = milliseconds(300);   // between asking and killing
constexpr auto kTimeToDie = milliseconds(1000);  // a process in the kernel's hands may take forever
constexpr auto kGlance = milliseconds(5);        // between looks where there is no pidfd
constexpr size_t kKeptErrors = 2048;             // bytes of stderr kept for messages
constexpr size_t kMostErrors = size_t{1} << 20;  // bytes of stderr until it is a flood

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    std::array<int, 2> ends = {};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw Error({.code = ErrorCode::kResourceExhausted,
                   .what = fmt::format("no pipe for a command: {}", std::strerror(errno)),
                   .remedy = "raise the limit of open files (ulimit -n)"});
    }
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    if (read_end >= 0) ::close(read_end);
    if (write_end >= 0) ::close(write_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int take_read_end() {
    ::fcntl(read_end, F_SETFL, O_NONBLOCK);
    return std::exchange(read_end, -1);
  }
};

struct SpawnSettings {
  posix_spawn_file_actions_t actions = {};
  posix_spawnattr_t attributes = {};
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

int milliseconds_until(steady_clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  const size_t feed = text.rfind('\n');
  return printable(feed == std::string_view::npos ? text : text.substr(feed + 1));
}

}  // namespace

ChildProcess::TimePoint seconds_from_now(double seconds) {
  return steady_clock::now() +
         std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(seconds));
}

ChildProcess::ChildProcess(const std::vector<std::string>& argv)
    : command_(argv.empty() ? "" : argv[0]) {
  Pipe output;
  Pipe errors;
  SpawnSettings settings;
  ::posix_spawn_file_actions_addopen(&settings.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&settings.actions, output.write_end, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&settings.actions, errors.write_end, STDERR_FILENO);
  sigset_t none;
  sigset_t usual;
  ::sigemptyset(&none);
  ::sigemptyset(&usual);
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&usual, signal);
  ::posix_spawnattr_setsigmask(&settings.attributes, &none);
  ::posix_spawnattr_setsigdefault(&settings.attributes, &usual);
  ::posix_spawnattr_setpgroup(&settings.attributes, 0);
  ::posix_spawnattr_setflags(
      &settings.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const int fault = argv.empty() ? ENOENT
                                 : ::posix_spawnp(&pid_, words[0], &settings.actions,
                                                  &settings.attributes, words.data(), environ);
  if (fault != 0) {
    const ErrorCode code = fault == ENOENT   ? ErrorCode::kNotFound
                           : fault == EACCES ? ErrorCode::kPermissionDenied
                                             : ErrorCode::kResourceExhausted;
    throw Error({.code = code,
                 .where = command_,
                 .what = fault == ENOENT ? "no such command"
                                         : fmt::format("cannot be run: {}", std::strerror(fault)),
                 .remedy = fault == ENOENT ? "install it, or name it with its folder" : ""});
  }
  process_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  output_fd_ = output.take_read_end();
  error_fd_ = errors.take_read_end();
}

ChildProcess::~ChildProcess() {
  end_group();
  for (const int fd : {process_fd_, output_fd_, error_fd_}) {
    if (fd >= 0) ::close(fd);
  }
}

bool ChildProcess::has_ended() const {
  siginfo_t info = {};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid == pid_;
}

bool ChildProcess::wait_for_end(TimePoint until) const {
  while (!has_ended()) {
    if (steady_clock::now() >= until) return false;
    if (process_fd_ >= 0) {
      pollfd watched = {.fd = process_fd_, .events = POLLIN, .revents = 0};
      ::poll(&watched, 1, milliseconds_until(until));
    } else {
      std::this_thread::sleep_for(kGlance);
    }
  }
  return true;
}

// The leader is waited for without being reaped until the group has been killed: as long as it is
// there, no other group can have its number.
void ChildProcess::end_group() {
  if (pid_ < 0) return;
  if (!has_ended()) {
    ::kill(-pid_, SIGTERM);
    wait_for_end(steady_clock::now() + kTimeToEnd);
  }
  ::kill(-pid_, SIGKILL);
  wait_for_end(steady_clock::now() + kTimeToDie);
  int status = 0;
  ::waitpid(pid_, &status, WNOHANG);
  pid_ = -1;
}

bool ChildProcess::wait(TimePoint until) {
  while (!output_ended_) {
    std::array<pollfd, 3> watched = {{{.fd = output_fd_, .events = POLLIN, .revents = 0},
                                      {.fd = error_fd_, .events = POLLIN, .revents = 0},
                                      {.fd = process_fd_, .events = POLLIN, .revents = 0}}};
    const int ready = ::poll(watched.data(), watched.size(), milliseconds_until(until));
    if (ready < 0 && errno != EINTR) output_ended_ = true;
    if (ready > 0) {
      if (watched[1].revents != 0) read_errors();
      if (watched[0].revents != 0) {
        const size_t before = output_.size();
        read_output();
        if (output_.size() > before || output_ended_) return true;
      } else if (watched[2].revents != 0) {
        // It has ended; a process that it left behind may hold the pipe open for good.
        output_ended_ = true;
      }
    } else if (steady_clock::now() >= until) {
      return false;
    }
  }
  return true;
}

void ChildProcess::read_output() {
  std::array<char, kReadBytes> buffer;
  const ssize_t n = ::read(output_fd_, buffer.data(), buffer.size());
  if (n > 0) {
    output_.append(buffer.data(), static_cast<size_t>(n));
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    output_ended_ = true;
  }
}

void ChildProcess::read_errors() {
  std::array<char, kReadBytes> buffer;
  const ssize_t n = ::read(error_fd_, buffer.data(), buffer.size());
  if (n > 0) {
    errors_.append(buffer.data(), static_cast<size_t>(n));
    if (errors_.size() > kKeptErrors) errors_.erase(0, errors_.size() - kKeptErrors);
    error_bytes_ += static_cast<size_t>(n);
    if (error_bytes_ > kMostErrors) {
      throw Error({.code = ErrorCode::kResourceExhausted,
                   .where = command_,
                   .what = "writes more than 1 MiB to stderr",
                   .remedy = "silence it"});
    }
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    ::close(error_fd_);
    error_fd_ = -1;
  }
}

void ChildProcess::expect_success(TimePoint until) {
  if (!wait_for_end(until)) {
    throw Error({.code = ErrorCode::kDeadlineExceeded,
                 .where = command_,
                 .what = "closed its output and did not end"});
  }
  if (error_fd_ >= 0) read_errors();
  siginfo_t info = {};
  ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
  if (info.si_code == CLD_EXITED && info.si_status == 0) return;
  std::string what = info.si_code == CLD_EXITED
                         ? fmt::format("ended with status {}", info.si_status)
                         : fmt::format("was ended by signal {}", info.si_status);
  const std::string said = last_line(errors_);
  if (!said.empty()) what += fmt::format(": \"{}\"", said);
  throw Error({.code = ErrorCode::kUnavailable, .where = command_, .what = what});
}

std::string collect_output(ChildProcess& child, ChildProcess::TimePoint until, size_t max_bytes) {
  while (!child.output_ended()) {
    if (!child.wait(until)) {
      throw Error({.code = ErrorCode::kDeadlineExceeded,
                   .where = child.command(),
                   .what = "has not ended in time and was stopped"});
    }
    if (child.output().size() > max_bytes) {
      throw Error({.code = ErrorCode::kResourceExhausted,
                   .where = child.command(),
                   .what = fmt::format("prints more than {} bytes", max_bytes)});
    }
  }
  child.expect_success(until);
  return std::move(child.output());
}

std::string run_command(const std::vector<std::string>& argv, double seconds, size_t max_bytes) {
  ChildProcess child(argv);
  return collect_output(child, seconds_from_now(seconds), max_bytes);
}

}  // namespace hadal
