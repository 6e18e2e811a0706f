// The properties of characters in Unicode 16.0, the version of the Hugging Face library (0.21.2 to
// 0.23.2 at least), whatever the system's libraries know. Asking for a set computes it: do it once.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "text/code_point_set.h"

namespace hadal {

// General categories ("L", "Lu", "Uppercase_Letter"), scripts ("Han"), the POSIX classes ("alnum",
// "word") and "Alphabetic", "Uppercase", "Lowercase", "White_Space", "Any", "Assigned", "ASCII",
// with Oniguruma's meaning: "punct" is a category and "PosixPunct" has the symbols too. Case,
// spaces, '-' and '_' make no difference; nullopt for other names.
std::optional<CodePointSet> unicode_property(std::string_view name);

// As unicode_property(), for names that are there.
CodePointSet known_unicode_property(std::string_view name);

// The set and all that differs from one of its members by case alone.
CodePointSet without_case(const CodePointSet& set);

// The least code point that differs from this one by case alone, or itself.
char32_t fold_case(char32_t code_point);

// The characters that are also the same as several others without regard to case: "ß" and "ss".
bool has_full_case_fold(const CodePointSet& set);

// Whether such several others begin `text`.
bool begins_with_full_case_fold(std::u32string_view text);

}  // namespace hadal
