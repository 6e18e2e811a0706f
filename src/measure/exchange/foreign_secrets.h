// What files of others hold that must not be kept: keys, passwords, tokens. They stand under names
// that say so, in command lines and headers, and in front of the host of an address. Knows no
// format; what a secret looks like under another name it cannot know.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace hadal {

// In place of each.
inline constexpr std::string_view kSecretRemoved = "(removed)";

// `text` without the values of "--api-key VALUE", "password=VALUE", "Authorization: Bearer VALUE"
// and the like, without "user:password@" in addresses, and without words that begin as keys of
// well-known services do.
std::string text_without_secrets(std::string_view text);

// The tree without secrets in its texts and under names of secrets. A count under a name such as
// "output_token" stays. Doing it again changes nothing.
nlohmann::ordered_json json_without_secrets(const nlohmann::ordered_json& value);

}  // namespace hadal
