#include "json/known_keys.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/suggest.h"

namespace hadal {

void refuse_unknown_keys(const Fields& object, std::span<const std::string_view> known) {
  for (const auto& [key, value] : object.json().items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::vector<std::string> candidates(known.begin(), known.end());
    const std::string meant = nearest(key, candidates);
    std::string what = "is not a known key";
    if (!meant.empty()) what += "; did you mean \"" + meant + "\"?";
    object.refuse(key, what, FieldFault::kUnknown);
  }
}

}  // namespace hadal
