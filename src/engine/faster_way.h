// Learns which of two ways to do the same is the faster, from how long both took. Chooses the
// faster, and now and then the other, whose time may have changed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hadal {

class FasterWay {
 public:
  // Which way to take next, 0 or 1.
  int choose();
  void measured(int way, double seconds);

 private:
  // One delay must not decide: what counts is the least of the latest. A trial is as long, for the
  // first times may be those of threads that were asleep.
  static constexpr int kRemembered = 4;
  struct Record {
    std::array<double, size_t{kRemembered}> seconds = {};
    int64_t count = 0;

    bool full() const { return count >= kRemembered; }
    double least() const;
  };

  std::array<Record, 2> records_;
  int64_t since_trial_ = 0;
  int trial_left_ = 0;
  int on_trial_ = 0;
};

}  // namespace hadal
