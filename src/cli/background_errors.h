// Standard error without waiting, for a server: what is written goes to a thread of its own, so
// that a log that nobody reads, a stopped terminal or a full disk holds up no request and no end.
// What the log cannot take is dropped, oldest first, and counted where it goes on.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace hadal {

// While one lives, write_err hands over to it. One at a time.
class BackgroundErrors {
 public:
  BackgroundErrors();
  // Waits for what is not written yet, but not long.
  ~BackgroundErrors();
  BackgroundErrors(const BackgroundErrors&) = delete;
  BackgroundErrors& operator=(const BackgroundErrors&) = delete;

  // False when none lives. From any thread; returns at once.
  static bool take(std::string_view text);

 private:
  struct Queue;
  static void write_queue(const std::shared_ptr<Queue>& queue);
  static std::shared_ptr<Queue>& current();

  std::shared_ptr<Queue> queue_;
};

}  // namespace hadal
