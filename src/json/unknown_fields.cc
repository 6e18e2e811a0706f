#include "json/unknown_fields.h"

#include <algorithm>
#include <utility>

namespace hadal {
namespace {

// The path without the indexes of arrays.
std::string general_name(const std::string& path) {
  std::string name;
  for (size_t i = 0; i < path.size(); ++i) {
    name += path[i];
    if (path[i] != '[') continue;
    const size_t end = path.find_first_not_of("0123456789", i + 1);
    if (end != std::string::npos && end > i + 1 && path[end] == ']') i = end - 1;
  }
  return printable(name, UnknownFields::kLongestName);
}

}  // namespace

void UnknownFields::check(const Fields& object, std::span<const std::string_view> known) {
  for (const auto& [key, value] : object.json().items()) {
    if (value.is_null() || std::find(known.begin(), known.end(), key) != known.end()) continue;
    if (!strict_ && names_.size() >= kMost) return;
    add(object.path(printable(key, kLongestName)));
  }
}

void UnknownFields::add(const std::string& path) {
  if (strict_) {
    refuse_field(path,
                 "this server does not know this field; leave it out, or do not ask it to be "
                 "strict",
                 FieldFault::kUnknown);
  }
  if (names_.size() >= kMost) return;
  std::string name = general_name(path);
  if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
    names_.push_back(std::move(name));
  }
}

}  // namespace hadal
