#include "ops/op_profile.h"

#include <algorithm>

namespace hadal {

void OpProfile::add(const OpKey& key, int64_t nanoseconds) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.key == key; });
  Entry& entry = found == entries_.end() ? entries_.emplace_back(Entry{.key = key}) : *found;
  ++entry.calls;
  entry.nanoseconds += nanoseconds;
}

}  // namespace hadal
