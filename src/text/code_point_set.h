// A set of Unicode code points as sorted ranges. Surrogates may be members, as they are of some
// properties; text never has them.
#pragma once

#include <compare>
#include <span>
#include <vector>

namespace hadal {

inline constexpr char32_t kLastCodePoint = 0x10FFFF;

struct CodePointRange {
  char32_t first = 0;
  char32_t last = 0;  // inclusive
  auto operator<=>(const CodePointRange&) const = default;
};

class CodePointSet {
 public:
  CodePointSet() = default;
  // In any order; they may overlap.
  explicit CodePointSet(std::vector<CodePointRange> ranges);

  CodePointSet complement() const;
  bool contains(char32_t code_point) const;
  bool empty() const { return ranges_.empty(); }
  // Ascending; neither overlapping nor touching.
  std::span<const CodePointRange> ranges() const { return ranges_; }

  auto operator<=>(const CodePointSet&) const = default;

 private:
  std::vector<CodePointRange> ranges_;
};

CodePointSet set_union(const CodePointSet& a, const CodePointSet& b);
CodePointSet set_intersection(const CodePointSet& a, const CodePointSet& b);

}  // namespace hadal
