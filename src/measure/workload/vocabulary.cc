#include "measure/workload/vocabulary.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/error.h"

namespace hadal {

Vocabulary::Vocabulary(int32_t low, int32_t high, std::vector<int32_t> excluded)
    : low_(low), high_(high) {
  std::erase_if(excluded, [&](int32_t id) { return id < low || id >= high; });
  std::sort(excluded.begin(), excluded.end());
  excluded.erase(std::unique(excluded.begin(), excluded.end()), excluded.end());
  for (const int32_t id : excluded) {
    places_of_gaps_.push_back(int64_t{id} - low - static_cast<int64_t>(places_of_gaps_.size()));
  }
  size_ = int64_t{high} - low - static_cast<int64_t>(places_of_gaps_.size());
  if (low < 0 || size_ < 2) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "vocabulary",
                 .what = "the ids from " + std::to_string(low) + " to below " +
                         std::to_string(high) + " without " + std::to_string(excluded.size()) +
                         " special ones are no vocabulary",
                 .remedy = "give a range of at least 2 usable ids that begins at 0 or above"});
  }
}

int32_t Vocabulary::at(int64_t place) const {
  HADAL_CHECK(place >= 0 && place < size_);
  const auto passed = std::upper_bound(places_of_gaps_.begin(), places_of_gaps_.end(), place);
  return static_cast<int32_t>(low_ + place + (passed - places_of_gaps_.begin()));
}

}  // namespace hadal
