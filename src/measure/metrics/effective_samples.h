// What samples are worth that follow each other: requests of one run share the server's moments of
// haste and of delay, so that n of them say less than n independent ones would. By the lag-1
// autocorrelation ρ they are worth n(1 − ρ)/(1 + ρ), exact where a sample depends on the one before
// alone. Intervals of means are Student's, with as many degrees of freedom less one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "measure/records.h"

namespace hadal {

// From -1 to 1; zero for fewer than three samples or samples that are all alike.
double lag1_autocorrelation(std::span<const double> in_order);

// From 1 to n; a negative ρ is not taken for a gain. Zero for no samples.
double effective_count(std::span<const double> in_order);

// What the samples are worth for telling how many of them do not exceed `bound`: the same, of the
// series of zeros and ones.
double effective_count_at_most(std::span<const double> in_order, double bound);

// The zero mean of no samples.
double mean_of(std::span<const double> values);

// 95 % interval of the mean. None where the samples are worth fewer than two.
std::optional<Interval> mean_interval(std::span<const double> in_order);
// The same of independent samples, of repeats for one.
std::optional<Interval> independent_mean_interval(std::span<const double> values);

// Samples in groups that follow each other in time, such as the gaps between tokens second by
// second, of which each group has its own number: what all are worth is judged by how much the
// groups differ, whatever the samples within one share. `group` of each sample is less than
// `groups`.
struct GroupedSamples {
  std::span<const double> values;
  std::span<const uint8_t> group;
  int groups = 0;
};

// 95 % interval of the mean over all samples, by the ratio of the groups' sums to their sizes.
// None for fewer than three groups with samples.
std::optional<Interval> grouped_mean_interval(const GroupedSamples& samples);
// As effective_count_at_most; 1 where the groups are too few to tell.
double grouped_effective_count_at_most(const GroupedSamples& samples, double bound);

}  // namespace hadal
