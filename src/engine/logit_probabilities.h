// Log-probabilities of tokens as the model gave them: the log-softmax of the logits at temperature
// 1, before penalties, bias and constraints, as the OpenAI API reports them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hadal {

struct TokenLogprob {
  int32_t token = 0;
  float logprob = 0;  // natural logarithm
};

struct TokenLogprobs {
  float logprob = 0;  // of the chosen token
  // The likeliest tokens, likeliest first, the lower id first among equals; tokens of probability
  // 0 (a logit of -inf) are left out.
  std::vector<TokenLogprob> top = {};
};

// logits [vocab], at least one finite, none NaN or +inf. The absolute error is below 1e-5 for
// log-probabilities above -20.
TokenLogprobs compute_logprobs(std::span<const float> logits, int32_t token, int top);

}  // namespace hadal
