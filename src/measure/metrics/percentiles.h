// Percentiles that say how sure they are. A percentile is the nearest rank: the least value that at
// least that share of all samples does not exceed, so always one that was measured. Its interval
// comes from order statistics, which asks nothing of the shape of the distribution. A percentile of
// too few samples has no right to exist.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "measure/records.h"

namespace hadal {

struct Percentile {
  double value = 0;
  // 95 %. None where the samples reach too few ranks beyond: then nobody knows how far it goes.
  std::optional<Interval> ci95 = {};
};

// The fewest samples for a percentile: so many that with 99 % certainty at least two of them lie
// beyond it. 11 for p50, 24 for p75, 64 for p90, 130 for p95, 662 for p99: MLPerf's floors.
int64_t sample_floor(double share);

// The value at rank ⌈share · n⌉ of `ascending`, `share` above 0 and below 1; none below the floor.
// `effective_count` is what the samples are worth if they do not vary independently
// (effective_samples.h), from 1 to n: the interval widens accordingly.
std::optional<Percentile> percentile(std::span<const double> ascending, double share,
                                     double effective_count);
std::optional<Percentile> percentile(std::span<const double> ascending, double share);

// A share of `total` trials of which `hits` hit, with Clopper and Pearson's exact 95 % interval.
// `total` above zero.
Interval share_interval(int64_t hits, int64_t total);

}  // namespace hadal
