// What a measured frontier gives at a chosen interactivity: rates read off the curve between its
// points, so that costs can be derived from them afterwards (inferencex_basis.h). Never beyond the
// points.
#pragma once

#include <optional>
#include <span>

#include "economics/inferencex_basis.h"

namespace hadal {

struct FrontierPoint {
  double interactivity = 0;      // tokens per second of a user
  InferenceXFigures rates = {};  // tokens per second and GPU
};

// For each kind of token: the undominated points of interactivity and that rate, a Steffen curve
// through them, its value at `interactivity`. None outside their range and where no point has the
// rate. Costs are never interpolated: between distant points that is wrong by a multiple.
InferenceXFigures rates_at(std::span<const FrontierPoint> points, double interactivity);

}  // namespace hadal
