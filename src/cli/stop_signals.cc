#include "cli/stop_signals.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <poll.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include "base/check.h"
#include "base/leftovers.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array kStopSignals = {SIGINT, SIGTERM, SIGHUP};
constexpr std::chrono::seconds kGrace{10};
constexpr int kSignalStatus = 128;

int pipe_ends[2] = {-1, -1};

struct Watch {
  std::mutex mutex;
  std::function<void()> stop;  // empty: the default
  std::chrono::milliseconds patience{};
  int signals = 0;  // that `stop` was called for
  int second_signal = 0;
};

// Never destroyed: the watching thread goes on while the program ends.
Watch& watch() {
  static auto* const kept = new Watch;
  return *kept;
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

void restore_defaults() {
  for (const int signal : kStopSignals) {
    struct sigaction action = {};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_IGN) set_handler(signal, SIG_DFL);
  }
}

[[noreturn]] void end_program(int signal) {
  restore_defaults();  // whoever cannot wait for the leftovers sends another signal
  take_back_leftovers();
  set_handler(signal, SIG_DFL);
  ::raise(signal);
  // The first process of a container is not ended by signals it has no handler for.
  ::_exit(kSignalStatus + signal);
}

// The next signal, or 0 when the deadline passes before one comes.
int next_signal(std::optional<Clock::time_point> deadline) {
  for (;;) {
    int wait_ms = -1;
    if (deadline) {
      const auto rest =
          std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
      if (rest <= 0) return 0;
      constexpr int64_t kLongestWaitMs = 3'600'000;
      wait_ms = static_cast<int>(std::min<int64_t>(rest, kLongestWaitMs));
    }
    pollfd ready = {.fd = pipe_ends[0], .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, wait_ms) <= 0) continue;
    unsigned char signal = 0;
    if (::read(pipe_ends[0], &signal, 1) == 1) return signal;
  }
}

void watch_signals() {
  std::optional<Clock::time_point> deadline;
  int last_signal = SIGTERM;
  for (;;) {
    const int signal = next_signal(deadline);
    if (signal == 0) end_program(last_signal);
    last_signal = signal;
    Watch& state = watch();
    const std::lock_guard lock(state.mutex);
    if (!state.stop) end_program(signal);
    if (++state.signals == 1) {
      deadline = Clock::now() + state.patience + kGrace;
    } else {
      restore_defaults();
      state.second_signal = signal;
      deadline = Clock::now() + kGrace;
    }
    state.stop();
  }
}

}  // namespace

void watch_stop_signals() {
  HADAL_CHECK(pipe_ends[0] < 0);
  // Where the system has no pipe or thread to give, signals just end the program.
  if (::pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
  try {
    std::thread(watch_signals).detach();
  } catch (const std::system_error&) {
    return;
  }
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  for (const int signal : kStopSignals) {
    sigaddset(&stop_signals, signal);
    struct sigaction inherited = {};
    ::sigaction(signal, nullptr, &inherited);
    if (inherited.sa_handler != SIG_IGN) set_handler(signal, report_stop_signal);
  }
  // A parent that started the program from a thread of its own may have left them blocked.
  ::pthread_sigmask(SIG_UNBLOCK, &stop_signals, nullptr);
}

void report_stop_signal(int signal) {
  const int error = errno;
  const auto byte = static_cast<unsigned char>(signal);
  // A full pipe holds thousands of signals that say the same.
  [[maybe_unused]] const ssize_t written = ::write(pipe_ends[1], &byte, 1);
  errno = error;
}

StopReaction::StopReaction(std::function<void()> stop, std::chrono::milliseconds patience) {
  Watch& state = watch();
  {
    const std::lock_guard lock(state.mutex);
    HADAL_CHECK(!state.stop);
    state.stop = std::move(stop);
    state.patience = patience;
    state.signals = 0;
    state.second_signal = 0;
  }
  set_handler(SIGINT, report_stop_signal);
  set_handler(SIGTERM, report_stop_signal);
}

StopReaction::~StopReaction() {
  Watch& state = watch();
  const std::lock_guard lock(state.mutex);
  state.stop = nullptr;
}

int StopReaction::second_signal() const {
  Watch& state = watch();
  const std::lock_guard lock(state.mutex);
  return state.second_signal;
}

}  // namespace hadal
