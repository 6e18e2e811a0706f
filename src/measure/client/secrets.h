// What must not come back: servers quote the key that they refuse, and what they say is kept with
// the run and printed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

// The values of header lines ("Name: value"), and of "Bearer TOKEN" the token as well; each also as
// JSON and addresses write it. Short ones are no secrets.
std::vector<std::string> secrets_of(const std::vector<std::string>& headers);

// `text` with "[removed]" in place of each.
std::string without_secrets(std::string text, const std::vector<std::string>& secrets);

}  // namespace hadal
