// A number that somebody published: its value, or between what it lies, and where and when it was
// said. Everything in the catalogues is made of these.
#pragma once

#include <optional>
#include <string>

namespace hadal {

struct Figure {
  std::optional<double> value = {};
  // Where sources give a range, or contradict each other: its ends, and no value.
  std::optional<double> low = {};
  std::optional<double> high = {};
  std::string source = {};  // a key of the catalogue's sources, or the file of a user
  std::string date = {};    // of the source, ISO 8601 or the first part of it; empty: not known
  std::string note = {};

  bool is_known() const { return value.has_value() || (low.has_value() && high.has_value()); }
};

}  // namespace hadal
