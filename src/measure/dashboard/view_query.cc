#include "measure/dashboard/view_query.h"

#include <charconv>

#include "base/error.h"

namespace hadal {

void refuse_query(std::string_view name, const std::string& what, const std::string& remedy) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = std::string(name),
               .what = what,
               .remedy = remedy});
}

std::string query_text(const ViewQuery& query, std::string_view name) {
  const auto found = query.find(name);
  return found == query.end() ? "" : found->second;
}

std::optional<double> query_number(const ViewQuery& query, std::string_view name, double least,
                                   double most) {
  const std::string text = query_text(query, name);
  if (text.empty()) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() ||
      !(value >= least && value <= most)) {
    refuse_query(name, "is no number in its range");
  }
  return value;
}

}  // namespace hadal
