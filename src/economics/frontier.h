// Which of some measured points no other beats, and what lies between them. A curve is never drawn
// beyond its points. What throughput costs is worked out after interpolating it, never before
// (unit_costs.h): a reciprocal drawn as a smooth curve is wrong by a multiple between far points.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace hadal {

struct CurvePoint {
  double x = 0;
  double y = 0;
};

enum class Better { kHigher, kLower };

// Indices of the points that no other is at least as good as in both and better in one, ascending
// by x. Of equal points the first; points that are not finite are left out.
std::vector<size_t> undominated_points(std::span<const CurvePoint> points,
                                       Better x = Better::kHigher, Better y = Better::kHigher);

// A smooth curve through points that overshoots none of them: M. Steffen, "A simple method for
// monotonic interpolation in one dimension", 1990, with the slopes at the ends that published
// frontiers use, (3 · secant - slope of the neighbour) / 2.
class SteffenCurve {
 public:
  // `knots` ascend strictly in x and are finite. Throws Error kInvalidArgument otherwise, and for
  // none.
  explicit SteffenCurve(std::vector<CurvePoint> knots);

  double first_x() const { return knots_.front().x; }
  double last_x() const { return knots_.back().x; }

  // None outside [first_x, last_x].
  std::optional<double> at(double x) const;

 private:
  double within(size_t segment, double x) const;

  std::vector<CurvePoint> knots_;
  std::vector<double> slopes_;
};

}  // namespace hadal
