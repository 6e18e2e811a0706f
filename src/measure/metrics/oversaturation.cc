#include "measure/metrics/oversaturation.h"

#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "measure/metrics/amount_over_time.h"
#include "measure/metrics/request_figures.h"
#include "measure/metrics/steady_window.h"

namespace hadal {
namespace {

constexpr double kLeastSeconds = 30;
constexpr size_t kLeastAnswers = 30;
constexpr double kMatters = 0.5;  // growth over the window, of the mean
// The means of so many parts of the window make the line: a queue's length follows itself from
// second to second, much less from part to part.
constexpr int kParts = 12;

double part_middle(const Window& window, int part) {
  return window.begin + (window.end - window.begin) * (part + 0.5) / kParts;
}

std::vector<TimedValue> in_flight_over_time(const PointSamples& samples, const Window& window) {
  AmountOverTime busy(window.begin, window.end, kParts);
  for (const RequestRecord& r : samples.requests) {
    if (r.ended >= r.sent) busy.add_evenly(r.sent, r.ended, r.ended - r.sent);
  }
  std::vector<TimedValue> out;
  for (const double mean : busy.rates()) {
    out.push_back({part_middle(window, static_cast<int>(out.size())), mean});
  }
  return out;
}

// Means of the parts that have any.
std::vector<TimedValue> means_over_time(const std::vector<TimedValue>& values,
                                        const Window& window) {
  AmountOverTime sums(window.begin, window.end, kParts);
  AmountOverTime counts(window.begin, window.end, kParts);
  for (const TimedValue& v : values) {
    sums.add_at(v.seconds, v.value);
    counts.add_at(v.seconds, 1);
  }
  const std::vector<double> sum = sums.rates();
  const std::vector<double> count = counts.rates();
  std::vector<TimedValue> out;
  for (int part = 0; part < kParts; ++part) {
    if (count[part] > 0) out.push_back({part_middle(window, part), sum[part] / count[part]});
  }
  return out;
}

bool grows(const std::optional<Trend>& trend) {
  return trend && trend->surely_rising() && trend->slope * trend->seconds > kMatters * trend->mean;
}

}  // namespace

Oversaturation judge_oversaturation(const PointSamples& samples, const Window& window) {
  const double seconds = window.end - window.begin;
  if (!(seconds >= kLeastSeconds) || !std::isfinite(seconds)) {
    return {.why = fmt::format("{:.1f} s of load are too few to tell; {} are needed", seconds,
                               kLeastSeconds)};
  }
  std::vector<TimedValue> ttft;
  for (const RequestRecord& r : samples.requests) {
    if (r.phase != RequestPhase::kMeasured || !belongs_to(window, r)) continue;
    const RequestFigures figures = figures_of(r);
    const std::optional<double> wait = r.planned ? figures.ttft_from_plan : figures.ttft;
    if (wait) ttft.push_back({r.planned.value_or(r.sent), *wait});
  }
  if (ttft.size() < kLeastAnswers) {
    return {.why = fmt::format("{} answers are too few to tell; {} are needed", ttft.size(),
                               kLeastAnswers)};
  }
  Oversaturation out{.in_flight = trend_of(in_flight_over_time(samples, window)),
                     .ttft = trend_of(means_over_time(ttft, window))};
  out.found = grows(out.in_flight) && grows(out.ttft);
  if (out.in_flight && out.ttft) {
    out.why = fmt::format(
        "in flight {:+.3g} per second [{:.3g}, {:.3g}], time to first token "
        "{:+.3g} s per second [{:.3g}, {:.3g}]",
        out.in_flight->slope, out.in_flight->ci95.low, out.in_flight->ci95.high, out.ttft->slope,
        out.ttft->ci95.low, out.ttft->ci95.high);
  }
  return out;
}

}  // namespace hadal
