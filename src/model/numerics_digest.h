// Which arithmetic this build computes with: a digest of the sources that decide a bit of a cached
// key. What another build has stored counts only when its digest is the same.
#pragma once

#include <string_view>

namespace hadal {

// Sixteen hexadecimal digits over src/numeric, src/ops and src/model, tests and benchmarks
// excepted.
std::string_view numerics_digest();

}  // namespace hadal
