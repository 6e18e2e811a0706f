#include "measure/metrics/load_text.h"

#include <cmath>
#include <fmt/format.h>

#include "base/error.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"

namespace hadal {

std::string figure_text(double value) {
  constexpr double kWhole = 100;
  return std::abs(value) >= kWhole ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

namespace {

std::string text_of(const Load& load, std::string_view rate_unit) {
  constexpr size_t kWidest = 40;
  std::string text;
  if (load.concurrency) text = fmt::format("concurrency {}", *load.concurrency);
  if (load.rate) {
    text += fmt::format("{}{:.4g} {}", text.empty() ? "" : ", ", *load.rate, rate_unit);
  }
  if (load.arrivals != "closed") text += ", " + printable(load.arrivals, kWidest);
  return text.empty() ? "unknown load" : text;
}

}  // namespace

std::string load_text(const Load& load) { return text_of(load, "requests/s"); }

std::string load_text(const PointRecord& point) {
  const MetricValue* rate = find_metric(point.full_run_metrics, metric_ids::kLoadRequestedRate);
  const bool sessions = rate != nullptr && rate->unit == kSessionsPerSecond;
  return text_of(point.load, sessions ? kSessionsPerSecond : "requests/s");
}

}  // namespace hadal
