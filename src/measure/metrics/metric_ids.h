// The names of all figures, as they stand in stores, reports and JSON. A definition never changes
// under its id: a better one gets the next number. What each means: metric_catalogue.h.
#pragma once

#include <string_view>

namespace hadal::metric_ids {

inline constexpr std::string_view kTtftFirstToken = "ttft.first_token/1";
inline constexpr std::string_view kTtftFirstAnswerToken = "ttft.first_answer_token/1";
inline constexpr std::string_view kTtftFirstEvent = "ttft.first_event/1";
inline constexpr std::string_view kTtftFromPlan = "ttft.from_plan/1";
inline constexpr std::string_view kTpotExclFirst = "tpot.excl_first/1";
inline constexpr std::string_view kItlPooled = "itl.pooled/1";
inline constexpr std::string_view kItlPerRequestMean = "itl.per_request_mean/1";
inline constexpr std::string_view kE2e = "e2e/1";
inline constexpr std::string_view kE2eFromPlan = "e2e.from_plan/1";
inline constexpr std::string_view kE2ePerOutputToken = "e2e.per_output_token/1";
inline constexpr std::string_view kHeadersDelay = "headers.delay/1";

inline constexpr std::string_view kInteractivityTpot = "interactivity.tpot/1";
inline constexpr std::string_view kInteractivityItl = "interactivity.itl/1";
inline constexpr std::string_view kInteractivityE2e = "interactivity.e2e_normalised/1";

inline constexpr std::string_view kRateRequests = "rate.requests/1";
inline constexpr std::string_view kRateInput = "rate.input_tokens/1";
inline constexpr std::string_view kRateOutput = "rate.output_tokens/1";
inline constexpr std::string_view kRateTotal = "rate.total_tokens/1";
inline constexpr std::string_view kRateInputPerGpu = "rate.input_tokens_per_gpu/1";
inline constexpr std::string_view kRateOutputPerGpu = "rate.output_tokens_per_gpu/1";
inline constexpr std::string_view kRateTotalPerGpu = "rate.total_tokens_per_gpu/1";
inline constexpr std::string_view kRateComputedInputPerGpu = "rate.computed_input_tokens_per_gpu/1";
inline constexpr std::string_view kRateInputPerGpuInferenceX =
    "rate.input_tokens_per_gpu.inferencex/1";
inline constexpr std::string_view kRateOutputPerGpuInferenceX =
    "rate.output_tokens_per_gpu.inferencex/1";
inline constexpr std::string_view kRateTotalPerGpuInferenceX =
    "rate.total_tokens_per_gpu.inferencex/1";

inline constexpr std::string_view kGoodputRequests = "goodput.requests/1";
inline constexpr std::string_view kGoodputShare = "goodput.share/1";

inline constexpr std::string_view kLoadRequestedRate = "load.requested_rate/1";
inline constexpr std::string_view kLoadAchievedRate = "load.achieved_rate/1";
inline constexpr std::string_view kLoadScheduleDelay = "load.schedule_delay/1";
inline constexpr std::string_view kLoadInFlight = "load.in_flight/1";
inline constexpr std::string_view kLoadPeakInFlight = "load.peak_in_flight/1";

inline constexpr std::string_view kCacheHitShare = "cache.hit_share/1";
inline constexpr std::string_view kCacheExpectedHitShare = "cache.expected_hit_share/1";

inline constexpr std::string_view kTokensInput = "tokens.input/1";
inline constexpr std::string_view kTokensOutput = "tokens.output/1";
inline constexpr std::string_view kTokensReasoning = "tokens.reasoning/1";
inline constexpr std::string_view kTokensInputAsked = "tokens.input_asked/1";
inline constexpr std::string_view kTokensOutputAsked = "tokens.output_asked/1";
inline constexpr std::string_view kTokensPerEvent = "tokens.per_event/1";

}  // namespace hadal::metric_ids
