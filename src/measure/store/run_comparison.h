// Two runs against each other: at each load that both have, how many times A's figure B's is. Says
// nothing about loads that only one of them has: between and beyond measured points nothing was
// measured. Compares what is stored; alternating measurements of two endpoints, which drift does
// not reach, are the measuring's business.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "measure/records.h"

namespace hadal {

struct FigureRatio {
  std::string figure = {};  // "mean", "p50", …
  double a = 0;
  double b = 0;
  double ratio = 0;  // b / a
  // 95 %, where both figures have one and all of it is positive.
  std::optional<Interval> ci95 = {};
};

struct MetricRatios {
  std::string id = {};
  std::string unit = {};
  std::vector<FigureRatio> figures = {};  // that both have, and whose ratio exists
};

struct PointComparison {
  Load load = {};
  int repeats_a = 1;  // of this load, taken together
  int repeats_b = 1;
  std::vector<MetricRatios> metrics = {};
  std::vector<std::string> notes = {};  // what makes this comparison doubtful
};

struct RunComparison {
  std::vector<PointComparison> points = {};
  std::vector<Load> only_a = {};
  std::vector<Load> only_b = {};
  std::vector<std::string> notes = {};
};

// Metrics are the same when id and unit are: another version of a definition is another figure.
// Repeats of a load are taken together first (metrics/repeats.h), so that the intervals hold what
// happens between them.
RunComparison compare_runs(const RunRecord& a, const RunRecord& b);

// The interval of b / a for independent a and b by their own intervals, by the method of variance
// estimates recovery on logarithms (Zou and Donner, Statistics in Medicine 27, 2008): distances
// from the estimate to the ends add up as squares. Nothing unless all are positive and each
// estimate lies within its interval.
std::optional<Interval> ratio_interval(double a, const Interval& a_ci, double b,
                                       const Interval& b_ci);

}  // namespace hadal
