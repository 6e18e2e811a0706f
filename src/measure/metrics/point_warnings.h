// What a reader of a point must be told besides its figures, each in one sentence.
#pragma once

#include <string>
#include <vector>

#include "measure/metrics/point_tally.h"
#include "measure/metrics/window_metrics.h"
#include "measure/records.h"

namespace hadal {

// `record` holds counts, windows and figures already.
std::vector<std::string> point_warnings(const PointView& point, const PointRecord& record,
                                        const PointTally& tally);

}  // namespace hadal
