// The numbers of an option that takes several, checked against their range.
#pragma once

#include <charconv>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "cli/option_keys.h"

namespace hadal {

// `count`: how many numbers the option wants, in words and with a blank behind, or nothing. Throws
// Error where a word is no number or lies outside of [least, most].
template <typename Number>
std::vector<Number> numbers_of(const OptionKey& key, const std::vector<std::string>& words,
                               Number least, Number most, std::string_view count = "") {
  std::vector<Number> values;
  for (const std::string& word : words) {
    Number value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || !(value >= least) ||
        !(value <= most)) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "--" + std::string(key.name),
                   .what = "cannot be '" + printable(word) + "'",
                   .remedy = fmt::format("give {}numbers from {} to {} with commas between them",
                                         count, least, most)});
    }
    values.push_back(value);
  }
  return values;
}

}  // namespace hadal
