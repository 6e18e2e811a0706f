#include "economics/iso_readout.h"

#include <vector>

#include "economics/frontier.h"

namespace hadal {
namespace {

std::optional<double> rate_at(std::span<const FrontierPoint> points,
                              std::optional<double> InferenceXFigures::*kind,
                              double interactivity) {
  std::vector<CurvePoint> all;
  for (const FrontierPoint& point : points) {
    if (const auto& rate = point.rates.*kind) all.push_back({point.interactivity, *rate});
  }
  std::vector<CurvePoint> knots;
  for (const size_t i : undominated_points(all)) knots.push_back(all[i]);
  if (knots.empty()) return std::nullopt;
  return SteffenCurve(std::move(knots)).at(interactivity);
}

}  // namespace

InferenceXFigures rates_at(std::span<const FrontierPoint> points, double interactivity) {
  return {.total = rate_at(points, &InferenceXFigures::total, interactivity),
          .input = rate_at(points, &InferenceXFigures::input, interactivity),
          .output = rate_at(points, &InferenceXFigures::output, interactivity)};
}

}  // namespace hadal
