// Runs the built hadal as a user would and keeps what it said. Also makes damaged copies of a
// model.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace hadal::integration {

struct Outcome {
  int status = -1;  // the exit status, or 128 + the signal that ended it
  std::string out;
  std::string err;
};

struct Invocation {
  std::vector<std::string> words;                       // without the program's name
  std::string input = {};                               // standard input
  std::map<std::string, std::string> environment = {};  // added to the test's own
  std::vector<std::string> emulator = {};               // the program that runs hadal, with words
};

// The program that the build made.
const char* hadal_binary();

// Waits for the end, at most five minutes.
Outcome run_hadal(const Invocation& invocation);

// Starts hadal with standard input and output on `fds` (-1: /dev/null). Returns its process id.
pid_t start_hadal(const std::vector<std::string>& words, int in_fd, int out_fd, int err_fd,
                  const std::map<std::string, std::string>& environment = {},
                  const std::vector<std::string>& emulator = {});

// Its exit status, or 128 + the signal that ended it. After five minutes it is killed, which fails
// the test.
int wait_for_end(pid_t pid);

// A directory of its own, removed at the end.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::filesystem::path path(const std::string& name) const { return root_ / name; }
  // A copy of models/nano.
  std::filesystem::path nano_copy(const std::string& name) const;

 private:
  std::filesystem::path root_;
};

std::string read_bytes(const std::filesystem::path& path);
void write_bytes(const std::filesystem::path& path, const std::string& bytes);

std::filesystem::path weights_of(const std::filesystem::path& model);

// Rewrites a JSON file.
void edit_json(const std::filesystem::path& path, const std::function<void(nlohmann::json&)>& edit);
// Rewrites the header of a safetensors file; the data stays.
void edit_header(const std::filesystem::path& path,
                 const std::function<void(nlohmann::json&)>& edit);

}  // namespace hadal::integration
