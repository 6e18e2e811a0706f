// UTF-8 validation by the rules of Unicode: no overlong forms, no surrogates, nothing past
// U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hadal {

// The length in bytes (1 to 4) of the well-formed sequence that `text` begins with; 0 when there
// is none (empty, truncated or malformed).
size_t utf8_sequence_length(std::string_view text);

bool is_valid_utf8(std::string_view text);
// How many bytes of `text`'s beginning are well-formed: all of it where it is valid.
size_t utf8_valid_prefix(std::string_view text);

// How many bytes of `text`'s end may still become a character when more bytes follow (0 to 3).
size_t utf8_incomplete_tail(std::string_view text);

// The code points of `text`, which must be valid, instead of what `code_points` held.
void utf8_decode(std::string_view text, std::u32string& code_points);

// `code_point` must be one that UTF-8 has: no surrogate, not past U+10FFFF.
std::string utf8_encode(char32_t code_point);

// Replaces every malformed part by U+FFFD, one per maximal ill-formed subsequence.
std::string utf8_replace_invalid(std::string_view text);

}  // namespace hadal
