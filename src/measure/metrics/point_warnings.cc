#include "measure/metrics/point_warnings.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "measure/metrics/metric_catalogue.h"
#include "measure/metrics/metric_ids.h"
#include "measure/metrics/oversaturation.h"
#include "measure/metrics/steady_window.h"

namespace hadal {
namespace {

namespace m = metric_ids;

constexpr double kTokensOff = 0.02;       // between what was asked for and what came
constexpr double kCachedBeyond = 0.02;    // of the input
constexpr double kRateBehind = 0.02;      // of the requested rate
constexpr double kDelayMatters = 0.02;    // of the median time to the first token
constexpr double kManyInOnePiece = 0.05;  // of the answers

using Warnings = std::vector<std::string>;

void warn_of_failures(const PointRecord& record, Warnings& out) {
  const RequestCounts& requests = record.requests;
  if (requests.failed > 0) {
    std::string classes;
    for (const FailureCount& f : requests.failures) {
      classes += fmt::format("{}{} {}", classes.empty() ? "" : ", ", f.failure, f.count);
    }
    out.push_back(
        fmt::format("{} of {} requests failed ({})", requests.failed, requests.attempted, classes));
  }
  if (requests.cancelled > 0 && requests.cancelled == requests.attempted) {
    out.push_back(
        fmt::format("all {} requests were cut short before they ended: the point shows "
                    "nothing",
                    requests.attempted));
  } else if (requests.cancelled > 0) {
    out.push_back(fmt::format("requests cut short when the run ended: {}", requests.cancelled));
  }
  if (record.invalid) {
    out.emplace_back(requests.ok == 0
                         ? "no request ended well: the point is invalid"
                         : "too many requests failed: the point is invalid, because those that "
                           "are left met less load than was asked for");
  }
}

// Numbers that were ignored, by the kind of nonsense.
void warn_of_usage(const UsageFaults& faults, Warnings& out) {
  const auto warn = [&](int64_t count, std::string_view what) {
    if (count == 0) return;
    out.push_back(fmt::format("{} answers have {} by the server's usage: ignored", count, what));
  };
  warn(faults.out_of_range, "numbers of tokens that cannot be");
  warn(faults.cached_beyond_input, "more cached tokens than input");
  warn(faults.output_beyond_asked, "more output tokens than were asked for at most");
  warn(faults.no_output_of_a_text, "no output tokens and a text");
  warn(faults.reasoning_beyond_output, "more reasoning than output");
}

// Requests that know both numbers, so that a missing one does not look like a difference.
struct AskedAndActual {
  double asked = 0;
  double actual = 0;

  void add(int64_t asked_tokens, std::optional<int64_t> actual_tokens) {
    if (asked_tokens <= 0 || actual_tokens.value_or(-1) < 0) return;
    asked += static_cast<double>(asked_tokens);
    actual += static_cast<double>(*actual_tokens);
  }
  bool differ() const { return asked > 0 && std::fabs(actual - asked) > kTokensOff * asked; }
};

void warn_of_tokens(const PointView& point, const PointTally& tally, Warnings& out) {
  AskedAndActual input;
  AskedAndActual output;
  double cached = 0;
  double expected = 0;
  double of_input = 0;
  int64_t ok = 0;
  for (const RequestRecord& r : point.requests) {
    if (r.phase != RequestPhase::kMeasured || r.outcome != RequestOutcome::kOk) continue;
    ++ok;
    input.add(r.asked_input_tokens, r.input_tokens);
    output.add(r.asked_output_tokens, r.output_tokens);
    if (r.cached_tokens.value_or(-1) < 0 || r.input_tokens.value_or(0) <= 0) continue;
    cached += static_cast<double>(*r.cached_tokens);
    expected += static_cast<double>(r.expected_cached_tokens);
    of_input += static_cast<double>(*r.input_tokens);
  }
  if (tally.estimated > 0) {
    out.push_back(
        fmt::format("tokens are estimated: {} of {} answers came without usage, and "
                    "their events were counted instead",
                    tally.estimated, ok));
  }
  if (tally.no_tokens_told > 0) {
    out.push_back(fmt::format("{} of {} answers have no number of tokens, and no figures per token",
                              tally.no_tokens_told, ok));
  }
  if (tally.inputs_not_told > 0) {
    out.push_back(
        fmt::format("the input of {} answers, cut short or without usage, counts in rates as the "
                    "workload meant it",
                    tally.inputs_not_told));
  }
  if (input.differ()) {
    out.push_back(
        fmt::format("{:.0f} input tokens were meant and {:.0f} were counted by the server",
                    input.asked, input.actual));
  }
  if (output.differ()) {
    out.push_back(fmt::format("{:.0f} output tokens were asked for at most and {:.0f} came",
                              output.asked, output.actual));
  }
  if (of_input > 0 && cached - expected > kCachedBeyond * of_input) {
    out.push_back(
        fmt::format("{:.1f} % of the input came from the server's cache where the "
                    "workload says at most {:.1f} %: it had seen these prompts before",
                    100 * cached / of_input, 100 * expected / of_input));
  }
  if (tally.output_tokens_evenly > 0) {
    out.push_back(
        fmt::format("{:.0f} % of the output tokens have no times of their own and were "
                    "spread evenly over their answers",
                    100 * tally.output_tokens_evenly / tally.output_tokens));
  }
  if (tally.output_tokens_cut_short > 0) {
    out.push_back(
        fmt::format("{:.1f} % of the output tokens are of answers that were cut short, "
                    "counted by their events",
                    100 * tally.output_tokens_cut_short / tally.output_tokens));
  }
  if (tally.one_token > 0) {
    out.push_back(fmt::format("{} answers of one token have no time per token", tally.one_token));
  }
  if (static_cast<double>(tally.in_one_piece) > kManyInOnePiece * static_cast<double>(ok)) {
    out.push_back(
        fmt::format("{} of {} answers came in one piece and have no time per token: "
                    "something between client and server holds streams back, or the "
                    "server does not stream",
                    tally.in_one_piece, ok));
  }
  if (tally.inconsistent > 0) {
    out.push_back(fmt::format("{} answers have times that cannot be, and no figures of time",
                              tally.inconsistent));
  }
  if (tally.gaps_out_of_order > 0) {
    out.push_back(fmt::format("{} gaps between tokens were left out: their clock ran backwards",
                              tally.gaps_out_of_order));
  }
}

void warn_of_load(const PointSamples& samples, const PointRecord& record, Warnings& out) {
  if (record.client.limited) {
    std::string reasons;
    for (const std::string& reason : record.client.reasons) {
      reasons += fmt::format("{}{}", reasons.empty() ? ": " : "; ", reason);
    }
    out.push_back("the client itself may have been the limit" + reasons);
  }
  if (record.window.kind == "full") {
    out.push_back("there is no steady window; figures are of " + record.window.rule);
  }
  const std::optional<double> requested =
      metric_mean(record.full_run_metrics, m::kLoadRequestedRate);
  const std::optional<double> achieved = metric_mean(record.full_run_metrics, m::kLoadAchievedRate);
  if (requested && achieved && *achieved < (1 - kRateBehind) * *requested) {
    out.push_back(fmt::format("{:.4g} {} per second were asked for and {:.4g} were sent",
                              *requested, has_sessions(samples) ? "sessions" : "requests",
                              *achieved));
  }
  const MetricValue* delay = find_metric(record.full_run_metrics, m::kLoadScheduleDelay);
  const MetricValue* ttft = find_metric(record.full_run_metrics, m::kTtftFirstToken);
  if (delay != nullptr && ttft != nullptr && delay->p99 && ttft->p50 &&
      *delay->p99 > kDelayMatters * *ttft->p50) {
    out.push_back(
        fmt::format("one request in a hundred was sent {:.1f} ms late or more, which is "
                    "{:.0f} % of the median time to the first token",
                    1e3 * *delay->p99, 100 * *delay->p99 / *ttft->p50));
  }
  if (record.load.rate) {
    const Oversaturation judged = judge_oversaturation(samples, record.window);
    if (judged.found) {
      out.push_back(
          "more was asked than the server can do, and waiting grew as long as the load "
          "lasted: " +
          judged.why);
    }
  }
}

}  // namespace

Warnings point_warnings(const PointView& point, const PointRecord& record,
                        const PointTally& tally) {
  Warnings out;
  warn_of_failures(record, out);
  warn_of_usage(tally.usage, out);
  warn_of_tokens(point, tally, out);
  warn_of_load(point.samples, record, out);
  return out;
}

}  // namespace hadal
