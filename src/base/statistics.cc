#include "base/statistics.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace hadal {

double median(std::vector<double> values) {
  HADAL_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double quantile(std::vector<double> values, double share) {
  HADAL_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  return values[static_cast<size_t>(std::lround(place))];
}

void TimeHistogram::add(double seconds) {
  size_t i = 0;
  while (i < kBounds.size() && !(seconds <= kBounds[i])) ++i;
  ++counts[i];
  sum += seconds;
}

void ShareOverTime::add(double share, double seconds) {
  sum_ += share * seconds;
  seconds_ += seconds;
  greatest_ = std::max(greatest_, share);
}

TimeShare ShareOverTime::result() const {
  return {.mean = seconds_ > 0 ? sum_ / seconds_ : 0, .greatest = greatest_};
}

}  // namespace hadal
