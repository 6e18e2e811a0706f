// Two endpoints measured in turns, because machines drift: blocks of A and B alternate, and which
// comes first does as well.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "measure/metrics/run_comparison.h"
#include "measure/run/measurement.h"

namespace hadal {

struct ComparisonOutcome {
  // Each one's own.
  MeasureOutcome a = {};  // a point a block
  MeasureOutcome b = {};
  std::vector<MetricComparison> metrics = {};  // b over a
};

// `options` has one load and describes one block; `observer_of` gives the observer of a (false) or
// b (true).
ComparisonOutcome compare_endpoints(const Endpoint& a, const Endpoint& b,
                                    const MeasureOptions& options, int blocks,
                                    const std::function<MeasureObserver&(bool is_b)>& observer_of,
                                    const std::atomic<bool>& stop);

// The figures that people decide by first, then the others that differ.
std::string comparison_table(const ComparisonOutcome& outcome);

// {"schema": "hadal.blocks/1", "a": run id, "b": …, "blocks", "metrics": [{"id", "statistic", "a",
// "b", "ratio", "ci95", "finding"}]}
std::string comparison_json(const ComparisonOutcome& outcome, const std::string& run_a,
                            const std::string& run_b);

}  // namespace hadal
