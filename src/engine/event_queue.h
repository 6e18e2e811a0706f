// Events of one request handed from the engine thread to a thread that waits for them: for the
// command line and tests. The server posts events to its own executor instead.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "engine/request.h"

namespace hadal {

class EventQueue {
 public:
  void push(const GenerateEvent& event) {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    }
    arrived_.notify_one();
  }

  GenerateEvent pop() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !events_.empty(); });
    return take();
  }

  std::optional<GenerateEvent> pop_for(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, timeout, [&] { return !events_.empty(); })) return std::nullopt;
    return take();
  }

 private:
  GenerateEvent take() {
    GenerateEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<GenerateEvent> events_;
};

}  // namespace hadal
