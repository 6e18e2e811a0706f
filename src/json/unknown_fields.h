// Finds the fields of a document that its reader does not know, so that none is dropped without a
// word: they are named to whoever runs the program, or refused.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json/fields.h"

namespace hadal {

class UnknownFields {
 public:
  // `strict`: an unknown field is refused (FieldFault::kUnknown).
  explicit UnknownFields(bool strict) : strict_(strict) {}

  bool strict() const { return strict_; }
  // Looks for fields of `object` that are neither in `known` nor null.
  void check(const Fields& object, std::span<const std::string_view> known);
  // For a field that has no effect although it asks for one.
  void add(const std::string& path);

  // Their names, for example "messages[].colour": printable, short, without indexes, each once, at
  // most kMost.
  const std::vector<std::string>& names() const { return names_; }

  static constexpr size_t kMost = 16;
  static constexpr size_t kLongestName = 80;  // bytes

 private:
  bool strict_;
  std::vector<std::string> names_;
};

}  // namespace hadal
