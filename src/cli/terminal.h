// The terminal as the commands see it: checked output, what is a terminal and what is not, a
// progress bar, and Ctrl-C as a flag instead of an end. Only the command line writes to stdout and
// stderr.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

namespace hadal {

// Nobody reads standard output any more, like that of `hadal run | head -1`. Ends a program
// quietly.
class ReaderGone : public std::exception {
 public:
  const char* what() const noexcept override { return "standard output has no reader any more"; }
};

// Writes and flushes. Throws ReaderGone, or Error when standard output takes no more (a full disk).
void write_out(std::string_view text);
// A document or table for programs, which may hold texts of others: as it is, but on a terminal
// made terminal_safe.
void write_data(std::string_view text);
// For messages; what cannot be written is dropped. Waits for the reader of standard error, save
// while BackgroundErrors lives.
void write_err(std::string_view text);
// Itself writes, and tells whether it could.
bool try_write_err(std::string_view text);

// Text of others, fit for a terminal: control characters (a model could clear the screen) become
// U+FFFD, save line feed and tab.
std::string terminal_safe(std::string_view text);

bool input_is_terminal();
bool output_is_terminal();
bool errors_are_terminal();

// Whether a terminal may be written to in colours: not where NO_COLOR is set and not empty
// (https://no-color.org).
bool colours_are_wanted();

// While one lives, Ctrl-C is counted instead of ending the program. One at a time.
class InterruptGuard {
 public:
  enum class Second {
    kCounts,       // like the first
    kEndsProgram,  // without waiting for what the first one ends
  };
  explicit InterruptGuard(Second second);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  // True from Ctrl-C until the next clear().
  static const std::atomic<bool>& flag();
  static void clear();
};

// Shows how far something has come on standard error: a bar on a terminal, otherwise a line at each
// tenth. Nothing is shown in the first `quiet` time.
class Progress {
 public:
  Progress(std::string label, std::string unit, std::chrono::milliseconds quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of `total` in the unit's terms; "B" is shown in MB.
  void update(uint64_t done, uint64_t total);
  // Ends the line of the bar, so that other text may follow.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void show(uint64_t done, uint64_t total);

  std::string label_;
  std::string unit_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_shown_ = {};
  std::chrono::milliseconds quiet_;
  uint64_t last_tenth_ = 0;
  bool shown_ = false;
};

}  // namespace hadal
