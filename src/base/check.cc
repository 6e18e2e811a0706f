#include "base/check.h"

#include <string>
#include <string_view>

namespace hadal {

void fail_check(const char* condition, const char* file, int line) {
  const std::string_view path(file);
  const size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  throw InvariantError("invariant broken at " + std::string(name) + ":" + std::to_string(line) +
                       ": " + condition);
}

}  // namespace hadal
