#include "measure/run/warm_up.h"

#include <algorithm>
#include <vector>

#include "base/statistics.h"
#include "measure/metrics/settling.h"

namespace hadal {
namespace {

constexpr double kLongest = 60;  // seconds, unless answers themselves take longer
constexpr double kAnswers = 3;   // times the median answer
constexpr size_t kStretches = 20;

}  // namespace

bool has_settled(const PointSamples& samples, int64_t at_a_time) {
  std::vector<double> durations;
  double end = 0;
  for (const RequestRecord& request : samples.requests) {
    if (request.outcome != RequestOutcome::kOk) continue;
    durations.push_back(request.ended - request.sent);
    end = std::max(end, request.ended);
  }
  if (static_cast<int64_t>(durations.size()) < std::max<int64_t>(2 * at_a_time, 4)) return false;
  if (end > std::max(kLongest, kAnswers * median(durations))) return true;
  std::vector<double> rates(kStretches, 0.0);
  for (size_t i = 0; i < samples.requests.size(); ++i) {
    for (const TokenStamp& event : samples.events[i]) {
      const auto stretch = static_cast<size_t>(event.seconds / end * kStretches);
      if (event.seconds >= 0 && stretch < kStretches) rates[stretch] += 1;
    }
  }
  return judge_settling(rates).settled;
}

}  // namespace hadal
