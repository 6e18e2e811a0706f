// The metrics that imports and exports speak of, with their units: ours by metric_ids.h, and those
// that only files of others have. What they mean stands in docs/measuring.md and
// docs/measuring/imports.md; nothing is computed here.
#pragma once

#include <string_view>

#include "measure/metrics/metric_ids.h"

namespace hadal {

struct MetricName {
  std::string_view id;
  std::string_view unit;
};

// What a file of another tool calls a metric.
struct KnownMetric {
  std::string_view key;
  MetricName name;
};

namespace metric {

// Of requests, seconds.
inline constexpr MetricName kTtft{metric_ids::kTtftFirstToken, "s"};
inline constexpr MetricName kTtftAnswer{metric_ids::kTtftFirstAnswerToken, "s"};
inline constexpr MetricName kTtftEvent{metric_ids::kTtftFirstEvent, "s"};
inline constexpr MetricName kTpot{metric_ids::kTpotExclFirst, "s"};
inline constexpr MetricName kItl{metric_ids::kItlPooled, "s"};
inline constexpr MetricName kItlPerRequest{metric_ids::kItlPerRequestMean, "s"};
inline constexpr MetricName kE2e{metric_ids::kE2e, "s"};
inline constexpr MetricName kE2ePerToken{metric_ids::kE2ePerOutputToken, "s"};
inline constexpr MetricName kScheduleDelay{metric_ids::kLoadScheduleDelay, "s"};

// Tokens per second of one user: reciprocals of each statistic, so that p90 and p99 are slow tails.
inline constexpr MetricName kInteractivity{metric_ids::kInteractivityTpot, "tokens/s"};
inline constexpr MetricName kInteractivityItl{metric_ids::kInteractivityItl, "tokens/s"};
inline constexpr MetricName kInteractivityE2e{metric_ids::kInteractivityE2e, "tokens/s"};

// Of the whole point; one figure each, kept as the mean.
inline constexpr MetricName kTotalRate{metric_ids::kRateTotal, "tokens/s"};
inline constexpr MetricName kInputRate{metric_ids::kRateInput, "tokens/s"};
inline constexpr MetricName kOutputRate{metric_ids::kRateOutput, "tokens/s"};
inline constexpr MetricName kRequestRate{metric_ids::kRateRequests, "requests/s"};
inline constexpr MetricName kTotalRatePerGpu{metric_ids::kRateTotalPerGpu, "tokens/s/gpu"};
inline constexpr MetricName kInputRatePerGpu{metric_ids::kRateInputPerGpu, "tokens/s/gpu"};
inline constexpr MetricName kOutputRatePerGpu{metric_ids::kRateOutputPerGpu, "tokens/s/gpu"};
// Disaggregated: only the GPUs of that phase are counted.
inline constexpr MetricName kInputRatePerPrefillGpu{metric_ids::kRateInputPerGpuInferenceX,
                                                    "tokens/s/gpu"};
inline constexpr MetricName kOutputRatePerDecodeGpu{metric_ids::kRateOutputPerGpuInferenceX,
                                                    "tokens/s/gpu"};
inline constexpr MetricName kComputedInputRatePerGpu{metric_ids::kRateComputedInputPerGpu,
                                                     "tokens/s/gpu"};
inline constexpr MetricName kMeanConcurrency{metric_ids::kLoadInFlight, "requests"};
inline constexpr MetricName kPeakConcurrency{metric_ids::kLoadPeakInFlight, "requests"};

inline constexpr MetricName kInputTokens{metric_ids::kTokensInput, "tokens"};
inline constexpr MetricName kOutputTokens{metric_ids::kTokensOutput, "tokens"};

// GPU boards only; energy over the whole window on all GPUs unless the id says otherwise.
inline constexpr MetricName kPowerPerGpu{"power.mean_per_device.gpu/1", "W"};
inline constexpr MetricName kPowerAllGpus{"power.mean.gpu/1", "W"};
inline constexpr MetricName kPowerPerPrefillGpu{"power.mean_per_device.prefill_gpu/1", "W"};
inline constexpr MetricName kPowerPerDecodeGpu{"power.mean_per_device.decode_gpu/1", "W"};
inline constexpr MetricName kEnergy{"energy.total.gpu/1", "J"};
inline constexpr MetricName kEnergyWindow{"energy.window.gpu/1", "s"};
inline constexpr MetricName kEnergyPerTotal{"energy.per_total_token.gpu/1", "J"};
inline constexpr MetricName kEnergyPerInput{"energy.per_input_token.gpu/1", "J"};
inline constexpr MetricName kEnergyPerOutput{"energy.per_output_token.gpu/1", "J"};
inline constexpr MetricName kPrefillEnergyPerInput{"energy.per_input_token.prefill_gpu/1", "J"};
inline constexpr MetricName kDecodeEnergyPerOutput{"energy.per_output_token.decode_gpu/1", "J"};
inline constexpr MetricName kEnergyPerRequest{"energy.per_ok_request.gpu/1", "J"};

inline constexpr MetricName kCacheHit{metric_ids::kCacheHitShare, "1"};
inline constexpr MetricName kCacheHitTheoretical{metric_ids::kCacheExpectedHitShare, "1"};

}  // namespace metric

}  // namespace hadal
