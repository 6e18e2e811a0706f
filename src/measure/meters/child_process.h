// A command of somebody else's, run without a shell: what it prints is read with limits of time and
// size, and it is gone, with whatever it started, when the object is.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace hadal {

class ChildProcess {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Starts `argv` in a process group of its own, with nothing to read. argv[0] is looked for in
  // PATH. Throws Error (kNotFound, kPermissionDenied, kResourceExhausted).
  explicit ChildProcess(const std::vector<std::string>& argv);
  // Ends the group: first asks, then kills.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Waits for more output, or the end of it, at most until `until`: false when that has passed
  // first. One call adds at most kReadBytes to output(). Throws Error (kResourceExhausted) when the
  // command floods stderr.
  bool wait(TimePoint until);
  static constexpr size_t kReadBytes = size_t{16} << 10;

  // What it has printed; whoever takes something removes it.
  std::string& output() { return output_; }
  // Nothing more will come: it has closed its output, or ended.
  bool output_ended() const { return output_ended_; }

  // After output_ended(): waits for its end, at most until `until`, and throws Error where it did
  // not end with status 0, with the last line that it wrote to stderr.
  void expect_success(TimePoint until);

  // For messages: argv[0].
  const std::string& command() const { return command_; }

 private:
  bool has_ended() const;
  bool wait_for_end(TimePoint until) const;
  void read_output();
  void read_errors();
  void end_group();

  std::string command_;
  pid_t pid_ = -1;
  int process_fd_ = -1;  // a pidfd; -1 where the kernel has none
  int output_fd_ = -1;
  int error_fd_ = -1;
  std::string output_;
  std::string errors_;  // the end of what it wrote to stderr
  size_t error_bytes_ = 0;
  bool output_ended_ = false;
};

// All that the child prints until its end. Throws Error: kDeadlineExceeded when it has not ended by
// `until`, kResourceExhausted for more than `max_bytes`, kUnavailable for a status that is not 0.
std::string collect_output(ChildProcess& child, ChildProcess::TimePoint until, size_t max_bytes);

// Runs the command for at most so many seconds; Errors of both above.
std::string run_command(const std::vector<std::string>& argv, double seconds,
                        size_t max_bytes = size_t{4} << 20);

ChildProcess::TimePoint seconds_from_now(double seconds);

}  // namespace hadal
