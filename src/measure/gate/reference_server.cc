#include "measure/gate/reference_server.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxLog = size_t{1} << 20;

// In the child, between fork and exec: only what is allowed there.
[[noreturn]] void become(char* const* arguments, const char* program, int log_fd, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have ended before that.
  if (::getppid() != parent) ::_exit(1);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(null, STDOUT_FILENO);
  ::dup2(log_fd, STDERR_FILENO);
  ::execv(program, arguments);
  constexpr int kCannotRun = 127;
  ::_exit(kCannotRun);
}

// "http://127.0.0.1:PORT" of a whole line, or nothing.
std::string url_in(std::string_view log) {
  constexpr std::string_view kBegin = " on http://127.0.0.1:";
  const size_t at = log.find(kBegin);
  if (at == std::string_view::npos) return {};
  const size_t begin = at + std::string_view(" on ").size();
  const size_t end = log.find('\n', begin);
  if (end == std::string_view::npos) return {};
  return std::string(log.substr(begin, end - begin));
}

std::string_view last_line(std::string_view log) {
  while (log.ends_with('\n')) log.remove_suffix(1);
  return log.substr(log.rfind('\n') + 1);
}

}  // namespace

ReferenceServer::ReferenceServer(const ReferenceServerOptions& options) {
  start(options);
  try {
    wait_until_listening(options.start_seconds);
  } catch (...) {
    end();
    throw;
  }
}

ReferenceServer::~ReferenceServer() { end(); }

void ReferenceServer::start(const ReferenceServerOptions& options) {
  std::vector<std::string> words = {"hadal", "serve", "--host", "127.0.0.1", "--port", "0"};
  if (!options.model.empty()) words.insert(words.end(), {"--model", options.model.string()});
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string program = options.program.string();

  int ends[2] = {};
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_system_error("a pipe", "cannot be made", errno);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become(arguments.data(), program.c_str(), ends[1], parent);
  const int error = errno;
  ::close(ends[1]);
  log_fd_ = ends[0];
  if (pid_ < 0) {
    ::close(log_fd_);
    throw_system_error(options.program, "cannot be started", error);
  }
}

// Later the log stays unread: the server drops what nobody takes.
void ReferenceServer::wait_until_listening(double seconds) {
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(seconds));
  std::string log;
  for (;;) {
    url_ = url_in(log);
    if (!url_.empty()) return;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready = {.fd = log_fd_, .events = POLLIN, .revents = 0};
    const int polled = left <= 0 ? 0 : ::poll(&ready, 1, static_cast<int>(left));
    if (polled < 0 && errno == EINTR) continue;
    char buffer[4096];
    const ssize_t count = polled > 0 ? ::read(log_fd_, buffer, sizeof(buffer)) : -1;
    if (count > 0 && log.size() < kMaxLog) {
      log.append(buffer, static_cast<size_t>(count));
      continue;
    }
    throw Error({.code = polled == 0 ? ErrorCode::kDeadlineExceeded : ErrorCode::kUnavailable,
                 .where = "the reference's own server",
                 .what = polled == 0 ? "does not listen in time"
                                     : "did not start: " + printable(last_line(log), kMaxLog),
                 .remedy = "try hadal serve with the same options"});
  }
}

void ReferenceServer::end() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  const auto deadline = Clock::now() + std::chrono::seconds(5);
  while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (Clock::now() > deadline) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ::close(log_fd_);
  pid_ = -1;
}

}  // namespace hadal
