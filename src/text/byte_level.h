// The byte-level alphabet of GPT-2's vocabulary files: each of the 256 bytes is spelled as one
// printable character, so that a token of any bytes can stand in a JSON string. Bytes that are
// printable in Latin-1 stand for themselves, the others for U+0100 onwards in ascending order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {

// The bytes that `spelling` (UTF-8) stands for; nullopt when a character is not of the alphabet,
// as in "<｜User｜>".
std::optional<std::string> byte_level_decode(std::string_view spelling);

// The inverse, for messages and for writing vocabularies.
std::string byte_level_encode(std::string_view bytes);

}  // namespace hadal
