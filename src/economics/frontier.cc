#include "economics/frontier.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

double sign(double value) { return value < 0 ? -1 : 1; }

// The slope at a knot between secants `s0` and `s1` of segments `h0` and `h1` long.
double inner_slope(double h0, double s0, double h1, double s1) {
  const double parabola = (s0 * h1 + s1 * h0) / (h0 + h1);
  return (sign(s0) + sign(s1)) * std::min({std::abs(s0), std::abs(s1), 0.5 * std::abs(parabola)});
}

std::vector<double> steffen_slopes(const std::vector<CurvePoint>& knots) {
  const size_t count = knots.size();
  std::vector<double> slopes(count, 0.0);
  if (count == 1) return slopes;
  const auto length = [&](size_t i) { return knots[i + 1].x - knots[i].x; };
  const auto secant = [&](size_t i) { return (knots[i + 1].y - knots[i].y) / length(i); };
  if (count == 2) return {secant(0), secant(0)};
  for (size_t i = 1; i + 1 < count; ++i) {
    slopes[i] = inner_slope(length(i - 1), secant(i - 1), length(i), secant(i));
  }
  slopes.front() = (3 * secant(0) - slopes[1]) / 2;
  slopes.back() = (3 * secant(count - 2) - slopes[count - 2]) / 2;
  return slopes;
}

}  // namespace

std::vector<size_t> undominated_points(std::span<const CurvePoint> points, Better x, Better y) {
  // Both higher is better from here on.
  const double x_sign = x == Better::kHigher ? 1 : -1;
  const double y_sign = y == Better::kHigher ? 1 : -1;
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::erase_if(
      order, [&](size_t i) { return !std::isfinite(points[i].x) || !std::isfinite(points[i].y); });
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const double ax = x_sign * points[a].x;
    const double bx = x_sign * points[b].x;
    return ax != bx ? ax > bx : y_sign * points[a].y > y_sign * points[b].y;
  });
  std::vector<size_t> front;
  for (const size_t i : order) {
    if (!front.empty() && y_sign * points[i].y <= y_sign * points[front.back()].y) continue;
    front.push_back(i);
  }
  std::sort(front.begin(), front.end(),
            [&](size_t a, size_t b) { return points[a].x < points[b].x; });
  return front;
}

SteffenCurve::SteffenCurve(std::vector<CurvePoint> knots) : knots_(std::move(knots)) {
  const auto refuse = [](const std::string& what) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "curve",
                 .what = what,
                 .remedy = "give finite points in ascending order, each x once"});
  };
  if (knots_.empty()) refuse("has no points");
  for (size_t i = 0; i < knots_.size(); ++i) {
    const bool finite = std::isfinite(knots_[i].x) && std::isfinite(knots_[i].y);
    if (!finite || (i > 0 && !(knots_[i].x > knots_[i - 1].x))) {
      refuse("point " + std::to_string(i) + " is not finite or not after the one before it");
    }
  }
  slopes_ = steffen_slopes(knots_);
}

double SteffenCurve::within(size_t segment, double x) const {
  const CurvePoint& from = knots_[segment];
  const CurvePoint& to = knots_[segment + 1];
  const double length = to.x - from.x;
  const double t = (x - from.x) / length;
  // Hermite's form of the cubic.
  const double u = 1 - t;
  return u * u * ((1 + 2 * t) * from.y + t * length * slopes_[segment]) +
         t * t * ((1 + 2 * u) * to.y - u * length * slopes_[segment + 1]);
}

std::optional<double> SteffenCurve::at(double x) const {
  if (!(x >= first_x() && x <= last_x())) return std::nullopt;
  const auto after =
      std::upper_bound(knots_.begin(), knots_.end(), x,
                       [](double value, const CurvePoint& p) { return value < p.x; });
  if (after == knots_.end()) return knots_.back().y;
  return within(static_cast<size_t>(after - knots_.begin()) - 1, x);
}

}  // namespace hadal
