#include "economics/frontier.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "base/error.h"

namespace hadal {
namespace {

std::vector<CurvePoint> points_of(std::span<const CurvePoint> points, Better x = Better::kHigher,
                                  Better y = Better::kHigher) {
  std::vector<CurvePoint> out;
  for (const size_t i : undominated_points(points, x, y)) out.push_back(points[i]);
  return out;
}

// DeepSeek V4 Pro with SGLang on eight MI355X: tokens per second of a user, then of a GPU, as
// InferenceX published them for the 2nd and the 21st of May 2026, and what its page read off the
// frontier. At 50 tokens per second, in the last segment, the page read 140 on the 21st where these
// points give 155: it must have had more of them.
struct PublishedDay {
  std::vector<CurvePoint> points;
  std::vector<CurvePoint> read;
};

std::vector<PublishedDay> published_days() {
  return {{{{23.89, 25.2},
            {18.38, 76.5},
            {13.87, 115.8},
            {10.07, 167.2},
            {7.33, 247},
            {5.23, 359.9},
            {3.61, 500.2}},
           {{15, 104}, {20, 61}}},
          {{{57.06, 59.2},
            {47.71, 198.5},
            {41.78, 348.2},
            {33.37, 561.3},
            {23.99, 811.7},
            {16.79, 959.6},
            {13.76, 1556},
            {9.37, 2256.1},
            {5.59, 1814.4}},
           {{15, 1272}, {20, 876}, {30, 653}}}};
}

TEST(Frontier, ReadsPublishedCurvesAsTheirPageDoes) {
  for (const PublishedDay& day : published_days()) {
    const SteffenCurve curve(points_of(day.points));
    for (const CurvePoint& expected : day.read) {
      // Points are published with three or four digits.
      EXPECT_NEAR(curve.at(expected.x).value(), expected.y, 0.02 * expected.y) << expected.x;
    }
  }
}

TEST(Frontier, PointsThatAnotherBeatsAreLeftOut) {
  const std::vector<CurvePoint> points = published_days().back().points;
  // 5.59 tokens/s a user at 1814 is beaten by 9.37 at 2256.
  const std::vector<size_t> front = undominated_points(points);
  EXPECT_EQ(front, (std::vector<size_t>{7, 6, 5, 4, 3, 2, 1, 0}));
}

TEST(Frontier, EveryPointIsOnItOrBeatenByOneOnIt) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<CurvePoint> points(1 + random() % 20);
    for (CurvePoint& p : points) {
      p = {static_cast<double>(random() % 8), static_cast<double>(random() % 8)};
    }
    for (const Better x : {Better::kHigher, Better::kLower}) {
      for (const Better y : {Better::kHigher, Better::kLower}) {
        const auto better = [](Better which, double a, double b) {
          return which == Better::kHigher ? a > b : a < b;
        };
        const auto beats = [&](const CurvePoint& a, const CurvePoint& b) {
          return !better(x, b.x, a.x) && !better(y, b.y, a.y) &&
                 (better(x, a.x, b.x) || better(y, a.y, b.y));
        };
        const std::vector<size_t> front = undominated_points(points, x, y);
        ASSERT_FALSE(front.empty());
        for (size_t i = 0; i < points.size(); ++i) {
          const bool on_front = std::find(front.begin(), front.end(), i) != front.end();
          const bool beaten = std::any_of(points.begin(), points.end(), [&](const auto& other) {
            return beats(other, points[i]);
          });
          const bool repeated = std::any_of(
              points.begin(), points.begin() + static_cast<std::ptrdiff_t>(i),
              [&](const auto& other) { return other.x == points[i].x && other.y == points[i].y; });
          EXPECT_EQ(on_front, !beaten && !repeated);
        }
        for (size_t i = 1; i < front.size(); ++i) {
          EXPECT_LT(points[front[i - 1]].x, points[front[i]].x);
        }
      }
    }
  }
}

TEST(Frontier, LeavesOutWhatIsNotFinite) {
  const double nan = std::nan("");
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<CurvePoint> points = {
      {nan, 1}, {1, infinity}, {2, 3}, {4, nan}, {-infinity, 9}};
  EXPECT_EQ(undominated_points(points), (std::vector<size_t>{2}));
  EXPECT_TRUE(undominated_points({}).empty());
}

TEST(SteffenCurve, PassesThroughItsKnotsAndNeverLeavesTheirRange) {
  std::mt19937 random(2);
  std::uniform_real_distribution<double> step(0.01, 10);
  std::uniform_real_distribution<double> value(-100, 100);
  for (int round = 0; round < 300; ++round) {
    std::vector<CurvePoint> knots;
    double x = value(random);
    for (unsigned i = 0; i < 1 + random() % 8; ++i) {
      knots.push_back({x, value(random)});
      x += step(random);
    }
    const SteffenCurve curve(knots);
    for (size_t i = 0; i < knots.size(); ++i) {
      EXPECT_NEAR(curve.at(knots[i].x).value(), knots[i].y, 1e-9);
      if (i + 1 == knots.size()) continue;
      const auto [low, high] = std::minmax(knots[i].y, knots[i + 1].y);
      double before = knots[i].y;
      for (int k = 1; k <= 20; ++k) {
        const double at = std::lerp(knots[i].x, knots[i + 1].x, k / 20.0);
        const double y = curve.at(at).value();
        EXPECT_GE(y, low - 1e-9);
        EXPECT_LE(y, high + 1e-9);
        // Rising or falling all the way, as the knots do.
        EXPECT_GE((y - before) * (knots[i + 1].y - knots[i].y), -1e-6);
        before = y;
      }
    }
    EXPECT_FALSE(curve.at(knots.front().x - 1e-6).has_value());
    EXPECT_FALSE(curve.at(knots.back().x + 1e-6).has_value());
    EXPECT_FALSE(curve.at(std::nan("")).has_value());
  }
}

TEST(SteffenCurve, RefusesKnotsThatAreNoCurve) {
  EXPECT_THROW(SteffenCurve({}), Error);
  EXPECT_THROW(SteffenCurve({{1, 1}, {1, 2}}), Error);
  EXPECT_THROW(SteffenCurve({{2, 1}, {1, 2}}), Error);
  EXPECT_THROW(SteffenCurve({{1, std::nan("")}}), Error);
  EXPECT_EQ(SteffenCurve({{1, 5}}).at(1), 5);
}

}  // namespace
}  // namespace hadal
