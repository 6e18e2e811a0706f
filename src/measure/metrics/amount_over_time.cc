#include "measure/metrics/amount_over_time.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "measure/metrics/plausible_time.h"

namespace hadal {

AmountOverTime::AmountOverTime(double begin, double end, int parts)
    : begin_(begin), end_(end), part_seconds_((end - begin) / parts), amounts_(parts) {
  HADAL_CHECK(std::isfinite(begin) && std::isfinite(end) && end >= begin && parts >= 1);
}

int AmountOverTime::part_of(double seconds) const {
  const double part = std::floor((seconds - begin_) / part_seconds_);
  // Rounding can lead just past the last part.
  return static_cast<int>(std::clamp(part, 0.0, static_cast<double>(amounts_.size() - 1)));
}

void AmountOverTime::add_at(double seconds, double amount) {
  if (!(seconds > begin_ && seconds <= end_)) return;
  amounts_[part_of(seconds)] += amount;
}

void AmountOverTime::add_evenly(double from, double to, double amount) {
  if (!plausible_time(from) || !plausible_time(to)) return;
  if (!(to > from)) {
    add_at(from, amount);
    return;
  }
  const double per_second = amount / (to - from);
  const double low = std::max(from, begin_);
  const double high = std::min(to, end_);
  if (!(low < high)) return;
  for (int part = part_of(low); part < static_cast<int>(amounts_.size()); ++part) {
    const double part_begin = begin_ + part * part_seconds_;
    if (part_begin >= high) break;
    const bool last = part + 1 == static_cast<int>(amounts_.size());
    const double part_end = last ? end_ : part_begin + part_seconds_;
    const double overlap = std::min(high, part_end) - std::max(low, part_begin);
    if (overlap > 0) amounts_[part] += per_second * overlap;
  }
}

void AmountOverTime::add(const AmountOverTime& other) {
  HADAL_CHECK(other.amounts_.size() == amounts_.size());
  for (size_t i = 0; i < amounts_.size(); ++i) amounts_[i] += other.amounts_[i];
}

double AmountOverTime::total() const {
  double sum = 0;
  for (const double amount : amounts_) sum += amount;
  return sum;
}

std::vector<double> AmountOverTime::rates() const {
  if (!(part_seconds_ > 0)) return {};
  std::vector<double> out;
  for (const double amount : amounts_) out.push_back(amount / part_seconds_);
  return out;
}

}  // namespace hadal
