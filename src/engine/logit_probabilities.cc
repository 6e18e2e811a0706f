#include "engine/logit_probabilities.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "engine/logit_weights.h"
#include "numeric/elementary.h"

namespace hadal {

TokenLogprobs compute_logprobs(std::span<const float> logits, int32_t token, int top) {
  HADAL_CHECK(token >= 0 && static_cast<size_t>(token) < logits.size() && top >= 0);
  const auto likelier = [](const TokenLogprob& a, const TokenLogprob& b) {
    return a.logprob > b.logprob || (a.logprob == b.logprob && a.token < b.token);
  };
  // The likeliest so far as a heap, the least likely of them first; logits until the end.
  std::vector<TokenLogprob> best;
  const auto wanted = std::min(logits.size(), static_cast<size_t>(std::max(top, 1)));
  float least = -std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] > least)) continue;
    if (best.size() == wanted) {
      std::pop_heap(best.begin(), best.end(), likelier);
      best.pop_back();
    }
    best.push_back({.token = static_cast<int32_t>(i), .logprob = logits[i]});
    std::push_heap(best.begin(), best.end(), likelier);
    if (best.size() == wanted) least = best.front().logprob;
  }
  HADAL_CHECK(!best.empty());
  std::sort_heap(best.begin(), best.end(), likelier);

  const double greatest = static_cast<double>(best.front().logprob);
  const SoftmaxWeights weights(best.front().logprob, 1);
  const double log_total = elementary::log(static_cast<double>(weights.sum(logits)) /
                                           static_cast<double>(kGreatestWeight));
  const auto logprob = [&](float logit) {
    return static_cast<float>(static_cast<double>(logit) - greatest - log_total);
  };
  TokenLogprobs result{.logprob = logprob(logits[static_cast<size_t>(token)])};
  best.resize(std::min(best.size(), static_cast<size_t>(top)));
  for (TokenLogprob& entry : best) entry.logprob = logprob(entry.logprob);
  result.top = std::move(best);
  return result;
}

}  // namespace hadal
