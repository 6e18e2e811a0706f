// Tells characters apart as far as some sets of code points do: characters that are in the same
// sets are of one class, and each class is a number below 256.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/code_point_set.h"

namespace hadal {

class CharacterClasses {
 public:
  static constexpr size_t kMaxClasses = 256;

  // nullopt when there would be more than kMaxClasses.
  static std::optional<CharacterClasses> make(std::span<const CodePointSet> sets);

  // The classes of the characters of `text`, one byte each, instead of what `classes` held.
  void classify(std::u32string_view text, std::string& classes) const;

  uint8_t class_of(char32_t c) const { return pages_[page_starts_[c / kPageSize] + c % kPageSize]; }

  // The classes that set number `set` consists of, ascending.
  const std::vector<uint8_t>& members(size_t set) const { return members_[set]; }

 private:
  static constexpr size_t kPageSize = 256;

  CharacterClasses() = default;

  std::vector<uint32_t> page_starts_;  // into pages_, for each page of code points
  std::vector<uint8_t> pages_;         // the different ones
  std::vector<std::vector<uint8_t>> members_;
};

}  // namespace hadal
