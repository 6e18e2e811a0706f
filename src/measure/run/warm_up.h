// Brings a server to the state it will be measured in: the same admission as the load to come, from
// a seed space of its own, until rates settle.
#pragma once

#include <atomic>
#include <functional>

#include "measure/run/load.h"

namespace hadal {

// Whether what came so far has settled: at least twice as many requests as run at a time have
// ended, and the rate of output tokens, in as many equal stretches of time as its rule judges, no
// longer changes. Gives up waiting after a minute, or three times the median answer's time.
bool has_settled(const PointSamples& samples, int64_t at_a_time);

}  // namespace hadal
