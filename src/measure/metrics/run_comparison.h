// Two endpoints measured in turns, block by block: how much more or less the second gives than the
// first, and how surely. What drifts between blocks, temperature or neighbours, falls on both
// halves of a pair and drops out of their ratio.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "measure/records.h"

namespace hadal {

struct RatioEstimate {
  double ratio = 1;  // second over first, the geometric mean of the pairs
  // 95 %, Student's over the logarithms of the pairs' ratios; none for a single pair.
  std::optional<Interval> ci95 = {};
  int pairs = 0;
};

// Pairs of which either is not finite or not above zero are left out. None where none is left.
std::optional<RatioEstimate> paired_ratio(std::span<const double> first,
                                          std::span<const double> second);

enum class ComparisonFinding {
  kNotShown,  // the interval holds 1, or there is none
  kFirstBetter,
  kSecondBetter,
  kDiffers,  // of a figure that is neither better nor worse
};

struct MetricComparison {
  std::string id = {};
  std::string_view statistic = {};  // "mean", "p50", ...
  double first = 0;                 // means over the pairs
  double second = 0;
  RatioEstimate ratio = {};
  ComparisonFinding finding = ComparisonFinding::kNotShown;
};

// Block i of `first` against block i of `second`; blocks without partner are left out. Each
// statistic of each figure of the catalogue that all of these blocks have. With as many figures,
// one in twenty of those that do not differ will seem to: the headline is to be chosen beforehand.
std::vector<MetricComparison> compare_blocks(std::span<const PointRecord> first,
                                             std::span<const PointRecord> second);

}  // namespace hadal
