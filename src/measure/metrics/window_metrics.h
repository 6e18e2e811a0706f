// All figures of the catalogue that the samples of a point give over one window.
#pragma once

#include <span>
#include <vector>

#include "measure/metrics/point_options.h"
#include "measure/metrics/request_figures.h"
#include "measure/metrics/token_times.h"
#include "measure/metrics/told_usage.h"
#include "measure/records.h"

namespace hadal {

// A point as its windows see it. Refers to what it is made of.
struct PointView {
  const PointSamples& samples;
  const Load& load;
  const PointOptions& options;
  // As in the samples, without what a server cannot have meant.
  std::vector<RequestRecord> requests = {};
  UsageFaults usage_faults = {};             // of the measured ones
  std::vector<RequestFigures> figures = {};  // by place in `requests`
  std::vector<size_t> order = {};            // measured requests, by when they were sent
  double tokens_per_event = 1;               // on average, of answers with usage

  PointView(const PointSamples& point_samples, const Load& point_load,
            const PointOptions& point_options);

  std::span<const TokenStamp> events_of(size_t request) const;
  TokenTimes answer(size_t request) const;
};

// In the order of the catalogue. Times to the first token, per token and of whole answers, and the
// speed that a user sees, are always there, without statistics where no request has them; other
// figures only where something has.
std::vector<MetricValue> window_metrics(const PointView& point, const Window& window);

}  // namespace hadal
