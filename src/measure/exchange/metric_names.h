// The ids of metrics that imports and exports speak of, with their units. Those of other tools
// whose definition is not ours carry the tool's name and its own version. What the ids mean stands
// in docs/measuring.md and docs/measuring/imports.md; nothing is computed here.
#pragma once

#include <string_view>

namespace hadal {

struct MetricName {
  std::string_view id;
  std::string_view unit;
};

namespace metric {

// Of requests, seconds.
inline constexpr MetricName kTtft{"ttft.first_token/1", "s"};
inline constexpr MetricName kTtftAnswer{"ttft.first_answer_token/1", "s"};
inline constexpr MetricName kTtftEvent{"ttft.first_event/1", "s"};
inline constexpr MetricName kTpot{"tpot.excl_first/1", "s"};
inline constexpr MetricName kItl{"itl.pooled/1", "s"};
inline constexpr MetricName kE2e{"e2e/1", "s"};
inline constexpr MetricName kE2ePerToken{"e2e.per_output_token/1", "s"};
inline constexpr MetricName kScheduleDelay{"schedule_delay/1", "s"};

// Tokens per second of one user: reciprocals of each statistic, so that p90 and p99 are slow tails.
inline constexpr MetricName kInteractivity{"interactivity.tpot/1", "tokens/s"};
inline constexpr MetricName kInteractivityItl{"interactivity.itl/1", "tokens/s"};
inline constexpr MetricName kInteractivityE2e{"interactivity.e2e/1", "tokens/s"};

// Of the whole point; one figure each, kept as the mean.
inline constexpr MetricName kTotalRate{"rate.total_tokens/1", "tokens/s"};
inline constexpr MetricName kInputRate{"rate.input_tokens/1", "tokens/s"};
inline constexpr MetricName kOutputRate{"rate.output_tokens/1", "tokens/s"};
inline constexpr MetricName kRequestRate{"rate.requests/1", "requests/s"};
inline constexpr MetricName kTotalRatePerGpu{"rate.total_tokens_per_gpu/1", "tokens/s"};
inline constexpr MetricName kInputRatePerGpu{"rate.input_tokens_per_gpu/1", "tokens/s"};
inline constexpr MetricName kOutputRatePerGpu{"rate.output_tokens_per_gpu/1", "tokens/s"};
// Disaggregated: only the GPUs of that phase are counted.
inline constexpr MetricName kInputRatePerPrefillGpu{"rate.input_tokens_per_prefill_gpu/1",
                                                    "tokens/s"};
inline constexpr MetricName kOutputRatePerDecodeGpu{"rate.output_tokens_per_decode_gpu/1",
                                                    "tokens/s"};
inline constexpr MetricName kComputedInputRatePerGpu{"rate.computed_input_tokens_per_gpu/1",
                                                     "tokens/s"};
inline constexpr MetricName kMeanConcurrency{"concurrency.mean/1", "requests"};
inline constexpr MetricName kPeakConcurrency{"concurrency.peak/1", "requests"};

inline constexpr MetricName kInputTokens{"tokens.input_per_request/1", "tokens"};
inline constexpr MetricName kOutputTokens{"tokens.output_per_request/1", "tokens"};

// GPU boards only; energy over the whole window on all GPUs unless the id says otherwise.
inline constexpr MetricName kPowerPerGpu{"power.per_gpu/1", "W"};
inline constexpr MetricName kPowerAllGpus{"power.all_gpus/1", "W"};
inline constexpr MetricName kPowerPerPrefillGpu{"power.per_prefill_gpu/1", "W"};
inline constexpr MetricName kPowerPerDecodeGpu{"power.per_decode_gpu/1", "W"};
inline constexpr MetricName kEnergy{"energy.gpus/1", "J"};
inline constexpr MetricName kEnergyWindow{"energy.window/1", "s"};
inline constexpr MetricName kEnergyPerTotal{"energy.per_total_token/1", "J/token"};
inline constexpr MetricName kEnergyPerInput{"energy.per_input_token/1", "J/token"};
inline constexpr MetricName kEnergyPerOutput{"energy.per_output_token/1", "J/token"};
inline constexpr MetricName kPrefillEnergyPerInput{"energy.prefill_per_input_token/1", "J/token"};
inline constexpr MetricName kDecodeEnergyPerOutput{"energy.decode_per_output_token/1", "J/token"};
inline constexpr MetricName kEnergyPerRequest{"energy.per_request/1", "J"};

inline constexpr MetricName kCacheHit{"cache.hit_share/1", "share"};
inline constexpr MetricName kCacheHitTheoretical{"cache.theoretical_hit_share/1", "share"};

}  // namespace metric

}  // namespace hadal
