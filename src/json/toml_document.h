// Reads TOML 1.0 into the same document that JSON becomes, so that a format of ours has one reader,
// whichever of the two a user writes it in.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace hadal {

// Dates and times become strings as TOML writes them. Throws Error kInvalidFile, with the line, for
// malformed text, for numbers that are not finite, and for nesting of more than 64 levels.
nlohmann::ordered_json parse_toml(std::string_view text, const std::string& where);

// By the name of the file: TOML where it ends in .toml, JSON otherwise. Throws as the reader does.
nlohmann::ordered_json parse_settings(std::string_view text, const std::string& where);

}  // namespace hadal
