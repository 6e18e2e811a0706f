#include "measure/sweep/child_program.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kLastPatience = 10;  // seconds, in the destructor
constexpr auto kPoll = std::chrono::milliseconds(20);

std::string resolved(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  std::string rest = path == nullptr ? "/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    std::string file = rest.substr(0, end) + "/" + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
    rest.erase(0, end + 1);
  }
  throw Error({.code = ErrorCode::kNotFound,
               .where = printable(name, 100),
               .what = "is not in PATH",
               .remedy = "install it, or write its whole path"});
}

std::vector<std::string> environment_of(const std::map<std::string, std::string>& more) {
  std::vector<std::string> all;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!more.contains(text.substr(0, text.find('=')))) all.push_back(text);
  }
  for (const auto& [name, value] : more) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

}  // namespace

// Everything is made ready before fork(): after it only what a signal handler may do is allowed.
ChildProgram::ChildProgram(const ChildProgramOptions& options) : own_group_(options.own_group) {
  const std::string file = resolved(options.words.front());
  std::vector<std::string> words = options.words;
  std::vector<std::string> environment = environment_of(options.environment);
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(environment);
  int log = -1;
  if (!options.log.empty()) {
    log = ::open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) throw_system_error(options.log, "cannot be written", errno);
  }
  int report[2] = {-1, -1};
  if (::pipe2(report, O_CLOEXEC) != 0) throw_system_error(file, "cannot be started", errno);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, options.dies_at_once ? SIGKILL : SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    if (own_group_) ::setpgid(0, 0);
    ::signal(SIGPIPE, SIG_DFL);  // this program ignores it, and that would be inherited
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    if (log >= 0) {
      ::dup2(log, STDOUT_FILENO);
      ::dup2(log, STDERR_FILENO);
    }
    ::execve(file.c_str(), argv.data(), envp.data());
    const int error = errno;
    [[maybe_unused]] const ssize_t told = ::write(report[1], &error, sizeof error);
    ::_exit(127);
  }
  const int fork_error = errno;
  ::close(report[1]);
  if (log >= 0) ::close(log);
  int error = 0;
  const ssize_t told = pid_ < 0 ? 0 : ::read(report[0], &error, sizeof error);
  ::close(report[0]);
  if (pid_ < 0) throw_system_error(file, "cannot be started", fork_error);
  if (told == sizeof error) {
    ::waitpid(pid_, nullptr, 0);
    throw_system_error(file, "cannot be started", error);
  }
}

ChildProgram::~ChildProgram() { stop(kLastPatience); }

void ChildProgram::signal(int number) const { ::kill(own_group_ ? -pid_ : pid_, number); }

std::optional<int> ChildProgram::wait(double seconds) {
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(seconds));
  while (!status_) {
    siginfo_t end = {};
    ::waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOHANG | WNOWAIT);
    if (end.si_pid == pid_) {
      // Only until it is waited for is the number of its group sure to be its own.
      if (own_group_) ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      status_ = end.si_code == CLD_EXITED ? end.si_status : 128 + end.si_status;
    } else if (Clock::now() >= until) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(kPoll);
    }
  }
  return status_;
}

void ChildProgram::stop(double patience) {
  if (status_) return;
  signal(SIGTERM);
  if (wait(patience)) return;
  signal(SIGKILL);
  wait(kLastPatience);
}

}  // namespace hadal
