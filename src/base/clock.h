// The time of day. Durations are measured with std::chrono::steady_clock, never with this.
#pragma once

#include <chrono>

namespace hadal {

// Seconds since 1970.
inline double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace hadal
