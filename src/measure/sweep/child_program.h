// A program that a sweep starts and must not leave behind: an engine, or a measurement. It ends
// with this process, even where this one is killed; what it prints goes where ours does, or to a
// file.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace hadal {

struct ChildProgramOptions {
  std::vector<std::string> words = {};                  // words[0] is looked for in PATH
  std::map<std::string, std::string> environment = {};  // besides ours
  std::filesystem::path log = {};  // for what it prints, appended; empty: where ours goes
  bool own_group = false;          // Ctrl-C of the terminal does not reach it
  // Where this process is killed: at once, or asked to end as an engine with processes of its own
  // should be.
  bool dies_at_once = false;
};

class ChildProgram {
 public:
  // Throws Error kNotFound, kPermissionDenied, kResourceExhausted.
  explicit ChildProgram(const ChildProgramOptions& options);
  // Asks it to end, and ends it by force after `patience` seconds.
  ~ChildProgram();
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  // Its exit status, or 128 and the signal; none while it runs. Waits for at most so many seconds.
  // What it leaves of a group of its own ends with it.
  std::optional<int> wait(double seconds);
  void stop(double patience);

 private:
  void signal(int number) const;

  pid_t pid_ = -1;
  bool own_group_ = false;
  std::optional<int> status_ = {};
};

}  // namespace hadal
