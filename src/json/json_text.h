// Parsing untrusted JSON of a model directory (config.json, the shard index): bounded depth, and
// errors that name the file. Says nothing of what the JSON means.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace hadal {

// Parses `text`. Throws Error kInvalidFile, naming `where`, when it is not JSON, nested more deeply
// than 64 levels, or gives a name twice in one object.
nlohmann::json parse_json_text(std::string_view text, const std::string& where);

}  // namespace hadal
