// When a disk that refused a write is asked again: after a pause, for one that is full mostly stays
// so for a while. Of one file or directory; callers guard it.
#pragma once

#include <chrono>
#include <utility>

namespace hadal {

class WriteRetry {
 public:
  explicit WriteRetry(std::chrono::milliseconds pause) : pause_(pause) {}

  // Whether a write may be tried now.
  bool may_write() const { return !refusing_ || Clock::now() >= next_; }
  // Whether the write tried last was refused.
  bool refusing() const { return refusing_; }

  // What became of a write. They return true when it is another end than that of the write before.
  bool refused() {
    next_ = Clock::now() + pause_;
    return !std::exchange(refusing_, true);
  }
  bool written() { return std::exchange(refusing_, false); }

 private:
  using Clock = std::chrono::steady_clock;

  std::chrono::milliseconds pause_;
  bool refusing_ = false;
  Clock::time_point next_ = {};
};

}  // namespace hadal
