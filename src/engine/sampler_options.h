// How a request wants its tokens chosen: the plain options, their ranges and the check of them.
// What they mean is defined where they act: penalties and bias in sampler_state.h, the choice in
// sampler.h, log-probabilities in logit_probabilities.h.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace hadal {

struct LogitBias {
  int32_t token = 0;
  // Added to the logit. -100 bans the token; +100 bans all tokens that have not +100.
  float bias = 0;
};

constexpr float kGreatestBias = 100;
constexpr int kMostTopLogprobs = 20;
constexpr int kMostLogitBiases = 1024;

struct SamplingOptions {
  float temperature = 1;  // 0: greedy, top_k, top_p and min_p then play no part
  float top_p = 1;        // the smallest set of likeliest tokens with at least this probability;
                          // one at least
  int top_k = 0;          // at most this many likeliest tokens; 0: no limit
  float min_p = 0;        // at least this share of the likeliest token's probability
  // Logits of tokens of prompt and answer: the positive ones divided by it, the others multiplied.
  float repetition_penalty = 1;
  float presence_penalty = 0;   // taken from logits of tokens that the answer holds
  float frequency_penalty = 0;  // the same, times how often it holds them
  std::vector<LogitBias> logit_bias = {};
  // With every token its log-probability and those of so many likeliest tokens.
  std::optional<int> top_logprobs = {};
  uint64_t seed = 0;
};

// Throws Error kInvalidArgument that names the option and its range: temperature in [0, 100], top_p
// in [0, 1], top_k >= 0, min_p in [0, 1], repetition_penalty in [0.1, 10], presence and frequency
// penalty in [-2, 2], biases in [-100, 100] of at most 1024 different tokens >= 0, top_logprobs in
// [0, 20].
void check_sampling_options(const SamplingOptions& options);
// Also that every bias is of a token below `vocab`.
void check_sampling_options(const SamplingOptions& options, int vocab);

}  // namespace hadal
