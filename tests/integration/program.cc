#include "program.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "support/source_dir.h"

namespace hadal::integration {
namespace {

namespace fs = std::filesystem;

// Whole files in place of pipes: no reader threads, and nothing can fill up.
int open_or_throw(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error("cannot open " + path.string());
  return fd;
}

}  // namespace

const char* hadal_binary() { return HADAL_BINARY; }

int wait_for_end(pid_t pid) {
  constexpr auto kLimit = std::chrono::minutes(5);
  constexpr auto kPause = std::chrono::milliseconds(5);
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      ADD_FAILURE() << "hadal did not end";
      break;
    }
    std::this_thread::sleep_for(kPause);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t start_hadal(const std::vector<std::string>& words, int in_fd, int out_fd, int err_fd,
                  const std::map<std::string, std::string>& environment,
                  const std::vector<std::string>& emulator) {
  std::vector<std::string> all = emulator;
  all.emplace_back(hadal_binary());
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  for (std::string& word : all) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("cannot fork");
  if (pid > 0) return pid;
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(in_fd < 0 ? null : in_fd, STDIN_FILENO);
  ::dup2(out_fd < 0 ? null : out_fd, STDOUT_FILENO);
  ::dup2(err_fd < 0 ? null : err_fd, STDERR_FILENO);
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

Outcome run_hadal(const Invocation& invocation) {
  const Scratch scratch;
  write_bytes(scratch.path("in"), invocation.input);
  const int in = open_or_throw(scratch.path("in"), O_RDONLY);
  const int out = open_or_throw(scratch.path("out"), O_WRONLY | O_CREAT);
  const int err = open_or_throw(scratch.path("err"), O_WRONLY | O_CREAT);
  const pid_t pid =
      start_hadal(invocation.words, in, out, err, invocation.environment, invocation.emulator);
  ::close(in);
  ::close(out);
  ::close(err);
  Outcome outcome;
  outcome.status = wait_for_end(pid);
  outcome.out = read_bytes(scratch.path("out"));
  outcome.err = read_bytes(scratch.path("err"));
  return outcome;
}

Scratch::Scratch() {
  std::string name = (fs::path(testing::TempDir()) / "hadal-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  root_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

fs::path Scratch::nano_copy(const std::string& name) const {
  fs::copy(test::source_path("models/nano"), path(name));
  return path(name);
}

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

fs::path weights_of(const fs::path& model) { return model / "model-00001-of-00001.safetensors"; }

void edit_json(const fs::path& path, const std::function<void(nlohmann::json&)>& edit) {
  nlohmann::json value = nlohmann::json::parse(read_bytes(path));
  edit(value);
  write_bytes(path, value.dump());
}

void edit_header(const fs::path& path, const std::function<void(nlohmann::json&)>& edit) {
  const std::string bytes = read_bytes(path);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  nlohmann::json header = nlohmann::json::parse(bytes.substr(sizeof(length), length));
  edit(header);
  const std::string text = header.dump();
  const uint64_t new_length = text.size();
  std::string file(reinterpret_cast<const char*>(&new_length), sizeof(new_length));
  file += text;
  file += bytes.substr(sizeof(length) + length);
  write_bytes(path, file);
}

}  // namespace hadal::integration
