// The nearest known word to a mistyped one, for "did you mean".
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hadal {

// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`, in bytes.
int edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, or "" when none is near enough to be meant: at most a third of
// the word's length away (at least one edit), or one that `word` begins. The first of equals wins.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace hadal
