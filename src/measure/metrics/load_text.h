// A load in words.
#pragma once

#include <string>

#include "measure/records.h"

namespace hadal {

// "concurrency 4", "2.5 requests/s, poisson"; "unknown load" for none.
std::string load_text(const Load& load);

}  // namespace hadal
