#include "cli/terminal.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/units.h"
#include "cli/background_errors.h"
#include "cli/stop_signals.h"

namespace hadal {
namespace {

std::atomic<bool> interrupt_noted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");
struct sigaction previous_action;

void note_interrupt(int /*signal*/) { interrupt_noted.store(true, std::memory_order_relaxed); }

void note_interrupt_once(int signal) {
  if (interrupt_noted.exchange(true, std::memory_order_relaxed)) report_stop_signal(signal);
}

// Others that share a terminal or a pipe may have made it non-blocking for everyone.
void wait_until_ready(int fd, short events) {
  pollfd ready = {.fd = fd, .events = events, .revents = 0};
  ::poll(&ready, 1, -1);
}

// Returns the errno of the failure, or 0.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EAGAIN) {
      wait_until_ready(fd, POLLOUT);
    } else if (n < 0 && errno != EINTR) {
      return errno;
    } else if (n >= 0) {
      text.remove_prefix(static_cast<size_t>(n));
    }
  }
  return 0;
}

}  // namespace

void write_out(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == EPIPE) throw ReaderGone();
  if (error == EBADF) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "standard output",
                 .what = "cannot be written: it is closed",
                 .remedy = "give it a terminal, a file or a pipe"});
  }
  if (error != 0) throw_system_error("standard output", "cannot be written", error);
}

void write_data(std::string_view text) {
  output_is_terminal() ? write_out(terminal_safe(text)) : write_out(text);
}

void write_err(std::string_view text) {
  if (!BackgroundErrors::take(text)) try_write_err(text);
}

bool try_write_err(std::string_view text) { return write_all(STDERR_FILENO, text) == 0; }

std::string terminal_safe(std::string_view text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string safe;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, in UTF-8 C2 80 to C2 9F, are control characters as well.
    const bool second_set =
        byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (second_set) {
      safe += kReplacement;
      ++i;
    } else if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F) {
      safe += kReplacement;
    } else {
      safe += text[i];
    }
  }
  return safe;
}

bool input_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
bool output_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool errors_are_terminal() { return ::isatty(STDERR_FILENO) == 1; }

bool colours_are_wanted() {
  const char* refused = std::getenv("NO_COLOR");
  return refused == nullptr || *refused == '\0';
}

InterruptGuard::InterruptGuard(Second second) {
  clear();
  struct sigaction action = {};
  action.sa_handler = second == Second::kCounts ? note_interrupt : note_interrupt_once;
  sigemptyset(&action.sa_mask);
  // Without SA_RESTART: a read at the prompt must come back.
  ::sigaction(SIGINT, &action, &previous_action);
}

InterruptGuard::~InterruptGuard() { ::sigaction(SIGINT, &previous_action, nullptr); }

const std::atomic<bool>& InterruptGuard::flag() { return interrupt_noted; }

void InterruptGuard::clear() { interrupt_noted.store(false, std::memory_order_relaxed); }

Progress::Progress(std::string label, std::string unit, std::chrono::milliseconds quiet)
    : label_(std::move(label)), unit_(std::move(unit)), quiet_(quiet) {}

Progress::~Progress() { finish(); }

void Progress::finish() {
  if (shown_ && errors_are_terminal()) write_err("\n");
  shown_ = false;
}

void Progress::update(uint64_t done, uint64_t total) {
  if (total == 0 || Clock::now() - start_ < quiet_) return;
  show(done, total);
}

void Progress::show(uint64_t done, uint64_t total) {
  constexpr std::chrono::milliseconds kInterval(100);
  constexpr uint64_t kBarWidth = 30;
  const auto now = Clock::now();
  const bool terminal = errors_are_terminal();
  const auto share = static_cast<double>(done) / static_cast<double>(total);
  const auto tenth = static_cast<uint64_t>(share * 10);
  if (terminal) {
    if (done < total && now - last_shown_ < kInterval) return;
  } else {
    if (tenth == last_tenth_) return;
  }
  last_shown_ = now;
  last_tenth_ = tenth;
  shown_ = true;

  const std::string amount =
      unit_ == "B" ? fmt::format("{:.1f} of {:.1f} MB", static_cast<double>(done) / kMega,
                                 static_cast<double>(total) / kMega)
                   : fmt::format("{} of {} {}", done, total, unit_);
  if (terminal) {
    const auto filled = static_cast<size_t>(share * static_cast<double>(kBarWidth));
    write_err(fmt::format("\r{} [{}{}] {:3.0f} %  {}\x1b[K", label_, std::string(filled, '#'),
                          std::string(kBarWidth - filled, ' '), share * 100, amount));
  } else {
    write_err(fmt::format("{}: {:.0f} %  {}\n", label_, share * 100, amount));
  }
}

}  // namespace hadal
