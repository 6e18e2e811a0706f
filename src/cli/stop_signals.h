// SIGINT, SIGTERM and SIGHUP at any moment of a command. By default they end the program as they
// would end any other, but only after what must not stay behind has been taken back
// (base/leftovers.h); a server puts its own end in their place. A thread waits for the signals, so
// that they work whatever the others are busy with.
#pragma once

#include <chrono>
#include <functional>

namespace hadal {

// Once, at the beginning of the program. Signals that its parent had ignored (nohup, a background
// job of a script) stay ignored.
void watch_stop_signals();

// What the handler of a signal does; safe to call from the handler of another.
void report_stop_signal(int signal);

// While one lives, SIGINT and SIGTERM call `stop` instead of ending the program. One at a time.
class StopReaction {
 public:
  // `stop` is called on the watching thread: at the first signal, to end within `patience`, and at
  // the second, to end at once. What has not ended ten seconds after that time is ended as by
  // default, and so is everything at the third signal.
  StopReaction(std::function<void()> stop, std::chrono::milliseconds patience);
  // No call of `stop` is under way when it returns. The time limit stays.
  ~StopReaction();
  StopReaction(const StopReaction&) = delete;
  StopReaction& operator=(const StopReaction&) = delete;

  // The signal that came when there had been one already, or 0.
  int second_signal() const;
};

}  // namespace hadal
