// Choosing the next token from logits. A pure function of (logits, options, position): the token is
// the arg-max over the allowed set of logit/T + Gumbel noise keyed by (seed, position, token id),
// which draws from softmax(logits/T) restricted to that set. The same seed gives the same tokens
// under any batch, chunking or speculation. What a request changes in its logits before the choice
// is sampler_state.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/logit_probabilities.h"
#include "engine/sampler_options.h"
#include "engine/sampler_state.h"

namespace hadal {

// Gumbel(0, 1) noise of one token: -log(-log u), u in (0, 1) from a hash of the arguments.
double gumbel_noise(uint64_t seed, uint64_t position, int32_t token);

struct SampledToken {
  int32_t token = 0;
  std::optional<TokenLogprobs> logprobs = {};  // when the options ask for them
};

// Throws Error kInternal when a logit is NaN or +inf, or all are -inf: no sound model makes such.
void check_logits(std::span<const float> logits);

// Holds scratch only; one per thread.
class Sampler {
 public:
  // logits [vocab], vocab at most 2^18; `position` is that of the new token in its sequence. The
  // filters apply in the order top_k, top_p, min_p, each to what the one before left over: all keep
  // a shortest sequence of likeliest tokens, where among equals the lower id is the likelier.
  // Probabilities are those of logit_weights.h. Penalties, bias and top_logprobs of the options
  // play no part. Throws Error kInternal when a logit is NaN or +inf, or all are -inf.
  int32_t sample(std::span<const float> logits, const SamplingOptions& options, uint64_t position);

  // For a request: after state.apply on a copy of the logits, and with log-probabilities when asked
  // for. The state does not advance. Throws also what state.apply throws.
  SampledToken sample(std::span<const float> logits, SamplerState& state, uint64_t position);
  // The token of that alone.
  int32_t choose(std::span<const float> logits, SamplerState& state, uint64_t position);

 private:
  struct Candidate {
    uint64_t weight = 0;
    float logit = 0;
    int32_t token = 0;
  };
  static bool likelier(const Candidate& a, const Candidate& b);

  void select(std::span<const float> logits, const SamplingOptions& options, float greatest);
  void collect(std::span<const float> logits, float least);
  void keep_probability(double wanted);

  std::vector<Candidate> kept_;
  std::vector<float> changed_;
};

}  // namespace hadal
