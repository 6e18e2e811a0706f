// From the samples of a point to its record: every figure of the catalogue that the samples give,
// over the steady window and over the whole run, what failed of what kind, and what a reader must
// be warned of. A pure function: the same samples give the same record to the last bit, so that
// whoever has the samples can check it. O(n log n) in requests and events.
#pragma once

#include "measure/metrics/point_options.h"
#include "measure/records.h"

namespace hadal {

// `samples.events` may be shorter than `samples.requests`, or empty (imports of whole requests).
PointRecord summarise_point(const PointSamples& samples, const Load& load,
                            const PointOptions& options = {});

}  // namespace hadal
