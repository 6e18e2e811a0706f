// Holds an engine before the step that would compute a request's second token, for tests that look
// at what happened before it.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "engine/engine.h"

namespace hadal::test {

class StepGate {
 public:
  std::function<void(const StepInfo&)> hook() {
    return [this](const StepInfo& step) {
      std::unique_lock lock(mutex_);
      if (!closed_ || step.decoding_sequences == 0) return;
      held_ = true;
      changed_.notify_all();
      changed_.wait(lock, [&] { return !closed_; });
      held_ = false;
    };
  }

  void hold_before_decoding() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  void wait_until_held() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_; });
  }
  bool held() {
    const std::lock_guard lock(mutex_);
    return held_;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    closed_ = false;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  bool held_ = false;
};

}  // namespace hadal::test
