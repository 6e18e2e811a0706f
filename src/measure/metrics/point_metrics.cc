#include "measure/metrics/point_metrics.h"

#include <algorithm>
#include <map>

#include "measure/metrics/point_warnings.h"
#include "measure/metrics/steady_window.h"
#include "measure/metrics/window_metrics.h"

namespace hadal {
namespace {

RequestCounts count_requests(const PointView& point) {
  RequestCounts out;
  std::map<std::string, int64_t> failures;
  for (const size_t i : point.order) {
    const RequestRecord& r = point.requests[i];
    ++out.attempted;
    out.ok += r.outcome == RequestOutcome::kOk ? 1 : 0;
    out.cancelled += r.outcome == RequestOutcome::kCancelled ? 1 : 0;
    if (r.outcome != RequestOutcome::kFailed) continue;
    ++out.failed;
    ++failures[r.failure.empty() ? "unknown" : r.failure];
  }
  for (const auto& [failure, count] : failures) out.failures.push_back({failure, count});
  std::stable_sort(out.failures.begin(), out.failures.end(),
                   [](const FailureCount& a, const FailureCount& b) { return a.count > b.count; });
  return out;
}

PointTally tally_of(const PointView& point, const Window& full) {
  PointTally out{.usage = point.usage_faults};
  AmountOverTime whole(full.begin, full.end, 1);
  for (const size_t i : point.order) {
    const RequestRecord& r = point.requests[i];
    if (r.outcome == RequestOutcome::kFailed) continue;
    out.inputs_not_told += !r.input_tokens && r.asked_input_tokens > 0 && r.first_token ? 1 : 0;
    const TokenCount count = add_output_tokens(point.answer(i), whole);
    out.output_tokens += count.tokens;
    if (count.timing == TokenTiming::kEvenly) out.output_tokens_evenly += count.tokens;
    if (r.outcome != RequestOutcome::kOk) {
      if (count.timing == TokenTiming::kEstimated) out.output_tokens_cut_short += count.tokens;
      continue;
    }
    const RequestFigures& figures = point.figures[i];
    out.inconsistent += figures.inconsistent ? 1 : 0;
    out.one_token += figures.one_token ? 1 : 0;
    out.in_one_piece += figures.in_one_piece ? 1 : 0;
    out.estimated += r.tokens_estimated ? 1 : 0;
    out.no_tokens_told += figures.no_tokens_told ? 1 : 0;
    const std::span<const TokenStamp> events = point.events_of(i);
    for (size_t e = 1; e < events.size(); ++e) {
      out.gaps_out_of_order += gap_between(events[e - 1], events[e]) ? 0 : 1;
    }
  }
  return out;
}

}  // namespace

PointRecord summarise_point(const PointSamples& samples, const Load& load,
                            const PointOptions& options) {
  const PointView point(samples, load, options);
  PointRecord out{.load = load,
                  .repeat = options.repeat,
                  .window = steady_window(samples, load),
                  .requests = count_requests(point),
                  .client = samples.client};
  const auto judged = static_cast<double>(out.requests.ok + out.requests.failed);
  // What was only cut short shows nothing, and so no fault either.
  const bool shows_nothing = judged == 0 && out.requests.cancelled > 0;
  out.invalid =
      !shows_nothing && (out.requests.ok == 0 ||
                         static_cast<double>(out.requests.failed) > options.most_failures * judged);
  const Window full = full_window(samples);
  out.full_run_metrics = window_metrics(point, full);
  out.metrics =
      out.window.kind == full.kind ? out.full_run_metrics : window_metrics(point, out.window);
  out.warnings = point_warnings(point, out, tally_of(point, full));
  return out;
}

}  // namespace hadal
