#include "bench/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "base/statistics.h"

namespace hadal {

double seconds_of(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median_call_seconds(const TimingOptions& options, const std::function<void()>& run) {
  constexpr double kMostCalls = 1e6;
  constexpr double kShortest = 1e-8;
  const double first = std::max(seconds_of(run), kShortest);
  const auto calls =
      static_cast<int>(std::clamp(std::ceil(options.least_seconds / first), 1.0, kMostCalls));
  std::vector<double> seconds;
  for (int repetition = 0; repetition < options.repetitions; ++repetition) {
    const double time = seconds_of([&] {
      for (int call = 0; call < calls; ++call) run();
    });
    seconds.push_back(time / calls);
  }
  return median(std::move(seconds));
}

}  // namespace hadal
