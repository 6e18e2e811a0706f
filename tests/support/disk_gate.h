// Holds an I/O thread before it writes or reads, for tests of what goes on meanwhile.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

namespace hadal {

class DiskGate {
 public:
  // To be called by the I/O thread.
  std::function<void()> hook() {
    return [this] {
      std::unique_lock lock(mutex_);
      held_ = closed_ && passes_ == 0;
      changed_.notify_all();
      changed_.wait(lock, [&] { return !closed_ || passes_ > 0; });
      if (passes_ > 0) --passes_;
      held_ = false;
    };
  }

  void close() { set(true, 0); }
  void open() { set(false, 0); }
  // Lets the next `calls` through and holds the one after them.
  void pass(int calls) { set(true, calls); }
  // Until a call is held.
  void wait_until_held() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_; });
  }

 private:
  void set(bool closed, int passes) {
    const std::lock_guard lock(mutex_);
    closed_ = closed;
    passes_ = passes;
    if (!closed || passes > 0) held_ = false;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  bool held_ = false;
  int passes_ = 0;
};

}  // namespace hadal
