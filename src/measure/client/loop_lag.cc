#include "measure/client/loop_lag.h"

#include <algorithm>
#include <iterator>

#include "measure/records.h"

namespace hadal {

void LoopLag::add(double seconds) {
  constexpr size_t kClasses = std::size(ClientLoad::kLagBounds) + 1;
  if (counts.empty()) counts.resize(kClasses);
  const auto* end = std::end(ClientLoad::kLagBounds);
  const auto* bound = std::lower_bound(std::begin(ClientLoad::kLagBounds), end, seconds);
  ++counts[static_cast<size_t>(bound - std::begin(ClientLoad::kLagBounds))];
}

double LoopLag::quantile(double share) const {
  int64_t total = 0;
  for (const int64_t count : counts) total += count;
  if (total == 0) return 0;
  double left = share * static_cast<double>(total);
  for (size_t i = 0; i < counts.size(); ++i) {
    left -= static_cast<double>(counts[i]);
    if (left <= 0 && i < std::size(ClientLoad::kLagBounds)) return ClientLoad::kLagBounds[i];
  }
  return 2 * *std::rbegin(ClientLoad::kLagBounds);
}

void LoopLag::merge(const LoopLag& other) {
  counts.resize(std::max(counts.size(), other.counts.size()));
  for (size_t i = 0; i < other.counts.size(); ++i) counts[i] += other.counts[i];
  cpu_seconds += other.cpu_seconds;
  wall_seconds += other.wall_seconds;
}

}  // namespace hadal
