// Reads a regular expression in the dialect of tokenizer.json files: Oniguruma's own syntax, as the
// Hugging Face library uses it. What comes out is PCRE2 syntax for how things follow each other and
// explicit sets of code points for every character, so that no property of a character is left to
// PCRE2. What would mean something else than in the library, or is not known here, is refused.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/code_point_set.h"

namespace hadal {

struct RegexElement {
  std::string syntax;         // PCRE2's, may be empty
  std::optional<size_t> set;  // instead of syntax: one character of sets[*set]
};

struct ParsedRegex {
  std::vector<RegexElement> elements;
  std::vector<CodePointSet> sets;  // all different
};

// Throws Error (kInvalidFile, `where`).
ParsedRegex parse_regex(std::string_view pattern, const std::string& where);

[[noreturn]] void refuse_regex(std::string_view pattern, const std::string& where,
                               const std::string& why);

}  // namespace hadal
