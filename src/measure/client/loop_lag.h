// How late a thread of the client was: the longest that pieces of answers may have lain unread, and
// how long after their time its timers were called. Told in classes, cheap enough for every event.
#pragma once

#include <cstdint>
#include <vector>

namespace hadal {

struct LoopLag {
  std::vector<int64_t> counts = {};  // classes of ClientLoad::kLagBounds
  double cpu_seconds = 0;            // of the thread in run()
  double wall_seconds = 0;

  void add(double seconds);
  // The upper bound of the class that holds the quantile; the last class has no bound and tells
  // twice the last bound. 0 where nothing was counted.
  double quantile(double share) const;
  void merge(const LoopLag& other);
};

}  // namespace hadal
