// Repeats of a point made one: the mean of what each gave, with an interval by how much they
// differ. That interval holds what happens between runs, which no interval from within a run can.
#pragma once

#include <span>
#include <vector>

#include "measure/records.h"

namespace hadal {

// Each statistic is the mean of the repeats' own, with Student's 95 % interval over them; `count`
// is the sum. A statistic that a repeat lacks is lacking. One repeat comes back as it is. All of
// the same id, at least one.
MetricValue combine_repeats(std::span<const MetricValue> repeats);

// The same for each figure that all of the points have in `metrics`, in the order of the first.
std::vector<MetricValue> combine_repeats(std::span<const PointRecord> repeats);

}  // namespace hadal
