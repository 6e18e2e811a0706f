// One line at the foot of a server's terminal that says what its engine does, written anew every
// two seconds. Shows nothing where standard error is no terminal.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace hadal {

struct EngineStatistics;

// What an engine did in the `seconds` between two looks at its statistics.
std::string status_text(const EngineStatistics& before, const EngineStatistics& now,
                        double seconds);

class StatusLine {
 public:
  // `read` is called on a thread of the line's own until the destructor returns.
  explicit StatusLine(std::function<EngineStatistics()> read);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  // To be written before a line of a log, so that it replaces the status; empty where none is
  // shown.
  static std::string_view eraser();

 private:
  void run();

  std::function<EngineStatistics()> read_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace hadal
