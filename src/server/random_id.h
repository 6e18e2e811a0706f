// Names of answers, calls and requests.
#pragma once

#include <string>

namespace hadal {

// `prefix` and 24 random letters and digits.
std::string make_random_id(const std::string& prefix);

}  // namespace hadal
