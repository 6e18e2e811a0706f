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

// Whether two points of this load are repeats of one; a load that nobody knows is no other's.
bool same_load(const Load& a, const Load& b);

// All points of one load as one. Its figures are those that all of the repeats have, combined; of
// the whole runs where only some have a steady window. Requests are summed, warnings are everyone's
// once, and the client was limited where it was in any.
struct CombinedPoint {
  PointRecord point = {};
  int repeats = 1;
};

// One for each load, in the order in which they come first.
std::vector<CombinedPoint> combined_points(std::span<const PointRecord> points);

}  // namespace hadal
