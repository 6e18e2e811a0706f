// Choosing the next token from logits. A pure function of (logits, options, position): the token is
// the arg-max over the allowed set of logit/T + Gumbel noise keyed by (seed, position, token id),
// which draws from softmax(logits/T) restricted to that set. The same seed gives the same tokens
// under any batch, chunking or speculation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hadal {

struct SamplingOptions {
  float temperature = 1;  // 0: greedy, the other options then play no part
  float top_p = 1;        // the smallest set of likeliest tokens with at least this probability
  int top_k = 0;          // at most this many likeliest tokens; 0: no limit
  float min_p = 0;        // at least this share of the likeliest token's probability
  uint64_t seed = 0;
};

// Throws Error kInvalidArgument that names the option: temperature in [0, 100], top_p in (0, 1],
// top_k >= 0, min_p in [0, 1].
void check_sampling_options(const SamplingOptions& options);

// Gumbel(0, 1) noise of one token: -log(-log u), u in (0, 1) from a hash of the arguments.
double gumbel_noise(uint64_t seed, uint64_t position, int32_t token);

// Holds scratch only; one per thread.
class Sampler {
 public:
  // logits [vocab]; `position` is that of the new token in its sequence. The filters apply in the
  // order top_k, top_p, min_p, each to what the one before left over. Among equals the lower id
  // wins. Throws Error kInternal when a logit is NaN or +inf, or all are -inf.
  int32_t sample(std::span<const float> logits, const SamplingOptions& options, uint64_t position);

 private:
  std::vector<int32_t> candidates_;
  std::vector<int32_t> allowed_;
};

}  // namespace hadal
