#include "cli/background_errors.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <fmt/format.h>
#include <mutex>
#include <thread>
#include <unistd.h>
#include <utility>

#include "cli/terminal.h"

namespace hadal {
namespace {

constexpr size_t kMostBytes = size_t{1} << 20;
constexpr std::chrono::milliseconds kLastWait{1000};

std::mutex current_mutex;

std::string loss_text(uint64_t lost) {
  return fmt::format("hadal: {} line{} of the log could not be written\n", lost,
                     lost == 1 ? "" : "s");
}

}  // namespace

struct BackgroundErrors::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> texts;
  size_t bytes = 0;  // of the texts
  uint64_t lost = 0;
  bool writing = false;
  bool ending = false;
};

std::shared_ptr<BackgroundErrors::Queue>& BackgroundErrors::current() {
  static std::shared_ptr<Queue> queue;
  return queue;
}

BackgroundErrors::BackgroundErrors() : queue_(std::make_shared<Queue>()) {
  // Never joined: it may hang in a write that nobody can end, and then goes with the process.
  std::thread([queue = queue_] { write_queue(queue); }).detach();
  const std::lock_guard lock(current_mutex);
  current() = queue_;
}

BackgroundErrors::~BackgroundErrors() {
  {
    const std::lock_guard lock(current_mutex);
    current().reset();
  }
  std::unique_lock lock(queue_->mutex);
  queue_->changed.wait_for(lock, kLastWait,
                           [&] { return queue_->texts.empty() && !queue_->writing; });
  queue_->ending = true;
  queue_->changed.notify_all();
}

bool BackgroundErrors::take(std::string_view text) {
  std::shared_ptr<Queue> queue;
  {
    const std::lock_guard lock(current_mutex);
    queue = current();
  }
  if (queue == nullptr) return false;
  const std::lock_guard lock(queue->mutex);
  queue->texts.emplace_back(text);
  queue->bytes += text.size();
  while (queue->bytes > kMostBytes) {
    queue->bytes -= queue->texts.front().size();
    queue->texts.pop_front();
    ++queue->lost;
  }
  queue->changed.notify_all();
  return true;
}

void BackgroundErrors::write_queue(const std::shared_ptr<Queue>& queue) {
  std::unique_lock lock(queue->mutex);
  for (;;) {
    queue->changed.wait(lock, [&] { return !queue->texts.empty() || queue->ending; });
    if (queue->ending) return;
    const std::string text = std::move(queue->texts.front());
    queue->texts.pop_front();
    queue->bytes -= text.size();
    queue->writing = true;
    const uint64_t lost = queue->lost;
    lock.unlock();
    const bool told = lost == 0 || try_write_err(loss_text(lost));
    const bool written = told && try_write_err(text);
    lock.lock();
    queue->writing = false;
    if (told) queue->lost -= lost;
    if (!written) ++queue->lost;
    queue->changed.notify_all();
  }
}

}  // namespace hadal
