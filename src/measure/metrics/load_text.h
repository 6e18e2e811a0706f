// Loads and figures as people read them.
#pragma once

#include <string>

#include "measure/records.h"

namespace hadal {

// "concurrency 4", "2.5 requests/s, poisson"; "unknown load" for none.
std::string load_text(const Load& load);
// The same with the unit that the point's own figures give the rate: "2.5 sessions/s, poisson".
std::string load_text(const PointRecord& point);

// Three digits at least, and no exponent for what is large: "0.123", "12.3", "12345".
std::string figure_text(double value);

}  // namespace hadal
