// From a throughput to what a token costs, in money and in energy, as InferenceX defines them: the
// whole price or power of a GPU over the tokens of one kind that it gives. Costs of input and of
// output by these formulas do not add up to the bill: each divides all of it.
#pragma once

#include <optional>

namespace hadal {

// All of these give none for a throughput, price or power that is not finite and above zero (a
// price may be zero).
// USD per million tokens = (USD per GPU and hour) / (tokens per second and GPU · 3600 / 10^6).
std::optional<double> usd_per_million_tokens(double tokens_per_gpu_second, double usd_per_gpu_hour);
// The reciprocal, for one USD: none where the price is zero.
std::optional<double> tokens_per_usd(double tokens_per_gpu_second, double usd_per_gpu_hour);
// Tokens per second of a megawatt of GPUs that take so many kW each with their share of everything
// that the era of the constants counts.
std::optional<double> tokens_per_megawatt_second(double tokens_per_gpu_second, double kw_per_gpu);
// Joules per token at that power.
std::optional<double> joules_per_token(double tokens_per_gpu_second, double kw_per_gpu);

}  // namespace hadal
