// The JSON of a request's body: a byte order mark is passed over, and a body in another encoding
// than UTF-8 is refused by the encoding's name. A lone surrogate becomes U+FFFD: clients in
// JavaScript cut emoji in half, and such a message stays in the history for good. What the JSON
// says is read elsewhere.
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace hadal {

// Throws ApiException (400, invalid_json).
nlohmann::ordered_json parse_json_body(std::string_view body);

}  // namespace hadal
