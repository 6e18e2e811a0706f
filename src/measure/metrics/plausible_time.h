// Which times a clock of seconds can have shown. Others come from damaged samples and take part in
// nothing: one of them would make every sum infinite.
#pragma once

#include <cmath>

namespace hadal {

// False for what is not a number, too. Thirty thousand years are enough.
inline bool plausible_time(double seconds) { return std::fabs(seconds) < 1e12; }

}  // namespace hadal
