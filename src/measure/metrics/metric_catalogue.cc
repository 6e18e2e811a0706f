#include "measure/metrics/metric_catalogue.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "measure/metrics/metric_ids.h"

namespace hadal {
namespace {

using enum MetricLevel;
constexpr MetricDirection kLow = MetricDirection::kLower;
constexpr MetricDirection kHigh = MetricDirection::kHigher;
constexpr MetricDirection kNone = MetricDirection::kNeither;

namespace m = metric_ids;

constexpr auto kCatalogue = std::to_array<MetricDefinition>({
    {m::kTtftFirstToken, "s", kRequest, kLow,
     "Time to the first token of any kind: text, reasoning or part of a tool call",
     "first_token − sent"},
    {m::kTtftFirstAnswerToken, "s", kRequest, kLow, "Time to the first token that is not reasoning",
     "first_answer_token − sent"},
    {m::kTtftFirstEvent, "s", kRequest, kLow,
     "Time to the first event of the stream, even an empty one, as vLLM's and InferenceX's clients "
     "take it",
     "first event with choices − sent", false},
    {m::kTtftFromPlan, "s", kRequest, kLow,
     "Time to the first token from the instant at which the request was due; the headline under "
     "open loop",
     "first_token − planned"},
    {m::kTpotExclFirst, "s", kRequest, kLow,
     "Time per output token after the first; an answer of one token, or one that came in a single "
     "piece, has none",
     "(last_token − first_token) / (output_tokens − 1)"},
    {m::kItlPooled, "s", kGap, kLow,
     "Time between two events of an answer that carry tokens, all gaps of all answers pooled; an "
     "event can carry several tokens",
     "event[i] − event[i−1]"},
    {m::kItlPerRequestMean, "s", kRequest, kLow,
     "What AIPerf, GuideLLM and AgentX call inter-token latency: one mean per answer, per token "
     "and not per event; of hadal's own samples the same as tpot.excl_first/1",
     "(last_token − first_token) / (output_tokens − 1)"},
    {m::kE2e, "s", kRequest, kLow,
     "Time to the last token; of an answer that was not streamed, to its end", "last_token − sent"},
    {m::kE2eFromPlan, "s", kRequest, kLow,
     "Time to the last token from the instant at which the request was due; the headline under "
     "open loop",
     "last_token − planned"},
    {m::kE2ePerOutputToken, "s", kRequest, kLow,
     "End-to-end time over the answer's tokens (normalised E2E)", "e2e / output_tokens"},
    {m::kHeadersDelay, "s", kRequest, kLow,
     "Time to the answer's first bytes; many servers send them only with the first token",
     "headers − sent"},
    {m::kInteractivityTpot, "tokens/s", kRequest, kHigh,
     "Tokens per second that one user sees, InferenceX's form for fixed lengths: the reciprocal of "
     "each statistic of TPOT, so that p90 and p99 are slow tails",
     "1 / statistic(tpot.excl_first/1)"},
    {m::kInteractivityItl, "tokens/s", kRequest, kHigh,
     "The same of ITL per request, AgentX's form; its headline is p90",
     "1 / statistic(itl.per_request_mean/1)"},
    {m::kInteractivityE2e, "tokens/s", kRequest, kHigh,
     "The same with the wait for the first token in it, AgentX's normalised form; its headline is "
     "p90",
     "1 / statistic(e2e.per_output_token/1)"},
    {m::kRateRequests, "requests/s", kPoint, kHigh, "Requests that ended well in the window",
     "ok requests ended in the window / its seconds"},
    {m::kRateInput, "tokens/s", kPoint, kHigh,
     "Input tokens, cached ones included, of answers whose first token came in the window",
     "Σ input_tokens / seconds"},
    {m::kRateOutput, "tokens/s", kPoint, kHigh,
     "Output tokens that came in the window, of answers that did not fail",
     "tokens in the window / seconds"},
    {m::kRateTotal, "tokens/s", kPoint, kHigh, "Input and output tokens together",
     "rate.input_tokens/1 + rate.output_tokens/1"},
    {m::kRateInputPerGpu, "tokens/s/gpu", kPoint, kHigh, "Input tokens per accelerator, over all",
     "rate.input_tokens/1 / GPUs"},
    {m::kRateOutputPerGpu, "tokens/s/gpu", kPoint, kHigh, "Output tokens per accelerator, over all",
     "rate.output_tokens/1 / GPUs"},
    {m::kRateTotalPerGpu, "tokens/s/gpu", kPoint, kHigh,
     "Input and output tokens per accelerator, over all", "rate.total_tokens/1 / GPUs"},
    {m::kRateComputedInputPerGpu, "tokens/s/gpu", kPoint, kHigh,
     "Input tokens that did not come from the cache, per accelerator, over all",
     "(input tokens − cached ones) / seconds / GPUs", false},
    {m::kRateInputPerGpuInferenceX, "tokens/s/gpu", kPoint, kHigh,
     "Input tokens per accelerator as InferenceX divides: over prefill's own where prefill and "
     "decode are apart",
     "rate.input_tokens/1 / prefill GPUs"},
    {m::kRateOutputPerGpuInferenceX, "tokens/s/gpu", kPoint, kHigh,
     "Output tokens per accelerator as InferenceX divides: over decode's own where prefill and "
     "decode are apart",
     "rate.output_tokens/1 / decode GPUs"},
    {m::kRateTotalPerGpuInferenceX, "tokens/s/gpu", kPoint, kHigh,
     "Input and output tokens per accelerator as InferenceX divides: over prefill's and decode's",
     "rate.total_tokens/1 / (prefill + decode GPUs)"},
    {m::kGoodputRequests, "requests/s", kPoint, kHigh,
     "Requests sent in the window that met every threshold of the objective",
     "requests that met it / seconds"},
    {m::kGoodputShare, "1", kPoint, kHigh,
     "Share of all requests attempted in the window, failed ones included, that met every "
     "threshold of the objective",
     "requests that met it / attempted"},
    {m::kLoadRequestedRate, "requests/s", kPoint, kNone,
     "The rate that was asked for; of sessions, in sessions/s, where requests belong to them",
     "as configured"},
    {m::kLoadAchievedRate, "requests/s", kPoint, kNone,
     "The rate at which the window's requests were sent, or its sessions begun",
     "(requests sent − 1) / (last sent − first sent)"},
    {m::kLoadScheduleDelay, "s", kRequest, kLow,
     "How late a request was sent: the client's fault, not the server's", "sent − planned"},
    {m::kLoadInFlight, "requests", kPoint, kNone, "Requests in flight, the mean over the window",
     "Σ time in flight within the window / seconds"},
    {m::kLoadPeakInFlight, "requests", kPoint, kNone, "Requests in flight, the most at a time",
     "the greatest number in flight", false},
    {m::kCacheHitShare, "1", kPoint, kNone,
     "Share of input tokens that the server says came from its cache",
     "Σ cached_tokens / Σ input_tokens"},
    {m::kCacheExpectedHitShare, "1", kPoint, kNone,
     "Share of input tokens that an endless cache would have had",
     "Σ expected_cached_tokens / Σ asked_input_tokens"},
    {m::kTokensInput, "tokens", kRequest, kNone, "Input tokens by the server's usage",
     "input_tokens"},
    {m::kTokensOutput, "tokens", kRequest, kNone,
     "Output tokens, reasoning included, by the server's usage", "output_tokens"},
    {m::kTokensReasoning, "tokens", kRequest, kNone,
     "Output tokens of reasoning by the server's usage", "reasoning_tokens"},
    {m::kTokensInputAsked, "tokens", kRequest, kNone,
     "Input tokens that the workload meant to send", "asked_input_tokens"},
    {m::kTokensOutputAsked, "tokens", kRequest, kNone, "Output tokens that were asked for at most",
     "asked_output_tokens"},
    {m::kTokensPerEvent, "tokens", kRequest, kNone,
     "Tokens that an event of the stream carries, the mean of an answer", "output_tokens / events"},
});

// Tools whose figures are kept under their own names (docs/measuring/imports.md).
constexpr std::string_view kForeignTools[] = {
    "aiperf", "benchmark_report", "guidellm", "inference_perf", "inferencex", "sglang", "vllm"};

// What stands before the class of what was measured, such as ".gpu" (docs/measuring/power.md).
constexpr std::string_view kEnergyStems[] = {"power.mean",
                                             "power.mean_per_device",
                                             "power.idle",
                                             "energy.total",
                                             "energy.window",
                                             "energy.above_idle",
                                             "energy.above_idle_per_total_token",
                                             "energy.per_input_token",
                                             "energy.per_output_token",
                                             "energy.per_total_token",
                                             "energy.per_ok_request"};

}  // namespace

std::string_view metric_level_name(MetricLevel level) {
  switch (level) {
    case kRequest:
      return "request";
    case kGap:
      return "gap";
    case kPoint:
      break;
  }
  return "point";
}

std::string_view metric_direction_name(MetricDirection direction) {
  switch (direction) {
    case MetricDirection::kLower:
      return "lower";
    case MetricDirection::kHigher:
      return "higher";
    case MetricDirection::kNeither:
      break;
  }
  return "neither";
}

std::span<const MetricDefinition> metric_catalogue() { return kCatalogue; }

MetricHome home_of(std::string_view id) {
  if (find_metric(id) != nullptr) return MetricHome::kCatalogue;
  for (const std::string_view tool : kForeignTools) {
    if (id.starts_with(tool) && id.substr(tool.size()).starts_with('.'))
      return MetricHome::kForeign;
  }
  for (const std::string_view stem : kEnergyStems) {
    if (!id.starts_with(stem) || !id.ends_with("/1")) continue;
    const std::string_view rest = id.substr(stem.size(), id.size() - stem.size() - 2);
    if (rest.size() > 1 && rest.front() == '.') return MetricHome::kEnergy;
  }
  return MetricHome::kUnknown;
}

bool is_metric_id(std::string_view text) {
  constexpr size_t kLongest = 200;
  if (text.empty() || text.size() > kLongest || text.starts_with("full:")) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '(' && c != ')' && c != ',' && c != '"';
  });
}

const MetricDefinition* find_metric(std::string_view id) {
  const auto* found = std::find_if(kCatalogue.begin(), kCatalogue.end(),
                                   [&](const MetricDefinition& d) { return d.id == id; });
  return found == kCatalogue.end() ? nullptr : found;
}

MetricValue metric_of(std::string_view id) {
  const MetricDefinition* definition = find_metric(id);
  HADAL_CHECK(definition != nullptr);
  return {.id = std::string(id), .unit = std::string(definition->unit)};
}

const MetricValue* find_metric(std::span<const MetricValue> metrics, std::string_view id) {
  const auto found = std::find_if(metrics.begin(), metrics.end(),
                                  [&](const MetricValue& value) { return value.id == id; });
  return found == metrics.end() ? nullptr : &*found;
}

std::optional<double> metric_mean(std::span<const MetricValue> metrics, std::string_view id) {
  const MetricValue* value = find_metric(metrics, id);
  return value == nullptr ? std::nullopt : value->mean;
}

std::optional<double> metric_mean(const PointRecord& point, std::string_view id) {
  return metric_mean(point.metrics, id);
}

std::string metric_table_markdown() {
  std::string out =
      "| id | unit | a sample is of a | better | what it is | formula "
      "|\n|---|---|---|---|---|---|\n";
  for (const MetricDefinition& d : kCatalogue) {
    out.append("| `").append(d.id).append("` | ").append(d.unit).append(" | ");
    out.append(metric_level_name(d.level)).append(" | ");
    out.append(d.better == MetricDirection::kNeither ? "–" : metric_direction_name(d.better));
    out.append(" | ");
    out.append(d.definition).append(d.measured ? "" : " (imports only)").append(" | ");
    out.append(d.formula).append(" |\n");
  }
  return out;
}

}  // namespace hadal
