#include "engine/faster_way.h"

#include <algorithm>

namespace hadal {
namespace {

// Choices between two trials of the way that is slower, where it is hardly slower. Its trials cost
// the more the slower it is, and are the rarer by the square of that.
constexpr double kLeastInterval = 256;

}  // namespace

double FasterWay::Record::least() const {
  return *std::min_element(seconds.begin(), seconds.end());
}

int FasterWay::choose() {
  if (!records_[1].full()) return 1;
  if (!records_[0].full()) return 0;
  const double times[2] = {records_[0].least(), records_[1].least()};
  const int faster = times[1] <= times[0] ? 1 : 0;
  const double ratio = times[1 - faster] / std::max(times[faster], 1e-9);
  if (trial_left_ == 0) {
    ++since_trial_;
    if (static_cast<double>(since_trial_) < kLeastInterval * ratio * ratio) return faster;
    since_trial_ = 0;
    trial_left_ = kRemembered;
    on_trial_ = 1 - faster;
  }
  --trial_left_;
  return on_trial_;
}

void FasterWay::measured(int way, double seconds) {
  Record& record = records_[static_cast<size_t>(way)];
  record.seconds[static_cast<size_t>(record.count % kRemembered)] = seconds;
  ++record.count;
}

}  // namespace hadal
