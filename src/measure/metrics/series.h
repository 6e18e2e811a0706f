// From samples to a figure with its statistics and their intervals.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "measure/metrics/amount_over_time.h"
#include "measure/records.h"

namespace hadal {

// Mean and percentiles with intervals of one sample per request, in the order in which the requests
// were sent. Samples that are not finite must not be among them.
MetricValue summarise_series(std::string_view id, std::span<const double> in_order);

// The same of samples many to a request, in `groups` groups by time (effective_samples.h).
MetricValue summarise_groups(std::string_view id, std::vector<double> values,
                             std::span<const uint8_t> group, int groups);

// One over each statistic of `of`, its interval turned about. Of a statistic of zero none.
MetricValue reciprocal_of(std::string_view id, const MetricValue& of);

// A rate: what came over the time it came in, with an interval by the means of its parts (batch
// means). `count` requests stand behind it. No figure for a stretch without length.
MetricValue rate_of(std::string_view id, const AmountOverTime& amount, int64_t count);

// `of` per accelerator.
MetricValue divided(std::string_view id, const MetricValue& of, double by);

// A figure of one number, without an interval.
MetricValue figure_of(std::string_view id, double value, int64_t count);

}  // namespace hadal
