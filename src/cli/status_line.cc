#include "cli/status_line.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

#include "cli/terminal.h"
#include "engine/engine.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kInterval{2};
constexpr size_t kColumns = 79;

// A terminal that can go back to the beginning of a line and erase it.
bool shows_status() {
  const char* terminal = std::getenv("TERM");
  return errors_are_terminal() && terminal != nullptr && std::string_view(terminal) != "dumb";
}

// One less than the terminal has: the last column would wrap the line.
size_t columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return kColumns;
  return std::min<size_t>(size.ws_col - 1, kColumns);
}

int percent(int part, int whole) { return whole == 0 ? 0 : static_cast<int>(100.0 * part / whole); }

}  // namespace

std::string status_text(const EngineStatistics& before, const EngineStatistics& now,
                        double seconds) {
  const auto rate = [&](int64_t from, int64_t to) {
    return seconds > 0 ? static_cast<double>(to - from) / seconds : 0;
  };
  const PoolStatistics& pool = now.pool;
  return fmt::format(
      "{} running, {} waiting | tokens/s {:.1f} out, {:.0f} in | cache {}% used, {}% kept",
      now.running, now.waiting, rate(before.generated_tokens, now.generated_tokens),
      rate(before.prompt_tokens, now.prompt_tokens),
      percent(pool.capacity - pool.free - pool.idle, pool.capacity),
      percent(pool.idle, pool.capacity));
}

StatusLine::StatusLine(std::function<EngineStatistics()> read) : read_(std::move(read)) {
  if (shows_status()) thread_ = std::thread([this] { run(); });
}

StatusLine::~StatusLine() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
  write_err(eraser());
}

std::string_view StatusLine::eraser() { return shows_status() ? "\r\x1b[K" : ""; }

void StatusLine::run() {
  EngineStatistics before = read_();
  Clock::time_point last = Clock::now();
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kInterval, [this] { return ending_; })) {
    const EngineStatistics now = read_();
    const Clock::time_point time = Clock::now();
    std::string line = status_text(before, now, std::chrono::duration<double>(time - last).count());
    line.resize(std::min(line.size(), columns()));
    write_err(std::string(eraser()) + line);
    before = now;
    last = time;
  }
}

}  // namespace hadal
