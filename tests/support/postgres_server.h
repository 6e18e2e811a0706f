// A PostgreSQL server of the test's own, from Debian's package: in a temporary directory, reached
// by a socket in it, gone at the end however the test ends. Started on first use, once a process.
#pragma once

#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <memory>
#include <pwd.h>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace hadal::test {

class PostgresServer {
 public:
  // Whether Debian's package is there.
  static bool is_installed() { return !find_programs().empty(); }
  // nullptr where it is not, or the server does not start.
  static PostgresServer* get() {
    static const std::unique_ptr<PostgresServer> server = start();
    return server.get();
  }

  // The address of a database, which must be there ("postgres" always is).
  std::string uri(const std::string& database) const {
    return "postgresql:///" + database + "?host=" + directory_.string() + "&user=" + kUser;
  }

  ~PostgresServer() {
    if (server_ > 0) {
      ::kill(server_, SIGINT);  // at once, without waiting for clients
      ::waitpid(server_, nullptr, 0);
    }
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

 private:
  static constexpr const char* kUser = "hadal";

  PostgresServer() = default;

  static std::unique_ptr<PostgresServer> start() {
    const std::filesystem::path programs = find_programs();
    if (programs.empty()) return nullptr;
    std::unique_ptr<PostgresServer> server(new PostgresServer);
    // The path of a socket has 107 bytes at most: not below TMPDIR.
    std::string name = "/tmp/hadal-postgres-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return nullptr;
    server->directory_ = name;
    const std::string data = name + "/data";
    const passwd* user = unprivileged();
    if (user != nullptr && ::chown(name.c_str(), user->pw_uid, user->pw_gid) != 0) return nullptr;
    int status = 0;
    const pid_t init = spawn(
        {(programs / "initdb").string(), "--pgdata=" + data, std::string("--username=") + kUser,
         "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"},
        user, -1);
    if (::waitpid(init, &status, 0) != init || status != 0) return nullptr;
    std::array<int, 2> log = {};
    if (::pipe2(log.data(), O_CLOEXEC) != 0) return nullptr;
    // Errors that tests provoke are not logged: nobody empties the pipe later.
    server->server_ = spawn({(programs / "postgres").string(), "-D", data, "-k", name, "-h", "",
                             "-c", "fsync=off", "-c", "full_page_writes=off", "-c",
                             "log_min_messages=log", "-c", "log_min_error_statement=panic"},
                            user, log[1]);
    ::close(log[1]);
    const bool ready = wait_for_line(log[0], "ready to accept connections");
    server->log_ = log[0];
    if (!ready) return nullptr;
    return server;
  }

  static std::filesystem::path find_programs() {
    std::error_code error;
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", error)) {
      const std::filesystem::path programs = entry.path() / "bin";
      if (std::filesystem::exists(programs / "initdb") && programs > newest) newest = programs;
    }
    return newest;
  }

  // The server refuses to run as root.
  static const passwd* unprivileged() {
    if (::geteuid() != 0) return nullptr;
    const passwd* user = ::getpwnam("postgres");
    return user != nullptr ? user : ::getpwnam("nobody");
  }

  // What it writes goes to `output`, or nowhere.
  static pid_t spawn(const std::vector<std::string>& words, const passwd* user, int output) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child != 0) return child;
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, STDIN_FILENO);
    ::dup2(output < 0 ? nowhere : output, STDOUT_FILENO);
    ::dup2(output < 0 ? nowhere : output, STDERR_FILENO);
    if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
                            ::setuid(user->pw_uid) != 0)) {
      ::_exit(1);
    }
    // Also when the test is killed.
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (::getppid() != parent || ::chdir("/") != 0) ::_exit(1);
    ::execv(arguments[0], arguments.data());
    ::_exit(1);
  }

  static bool wait_for_line(int fd, const std::string& text) {
    std::string seen;
    std::array<char, 4096> buffer = {};
    while (true) {
      const ssize_t n = ::read(fd, buffer.data(), buffer.size());
      if (n <= 0) return false;
      seen.append(buffer.data(), static_cast<size_t>(n));
      if (seen.find(text) != std::string::npos) return true;
    }
  }

  std::filesystem::path directory_;
  pid_t server_ = 0;
  int log_ = -1;  // open as long as the server may write to it
};

}  // namespace hadal::test
