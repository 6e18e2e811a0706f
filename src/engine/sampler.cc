#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

// The finaliser of SplitMix64: a bijection of 64 bits in which every input bit reaches every
// output bit.
uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  x ^= x >> 31;
  return x;
}

constexpr uint64_t kWeyl = 0x9e3779b97f4a7c15ULL;

uint64_t noise_key(uint64_t seed, uint64_t position) {
  return mix(mix(seed + kWeyl) + kWeyl * (position + 1));
}

double noise(uint64_t key, int32_t token) {
  const uint64_t hash =
      mix(key + kWeyl * (static_cast<uint64_t>(static_cast<uint32_t>(token)) + 1));
  // 52 bits and a half: the uniform is never 0 and never 1.
  const double uniform = (static_cast<double>(hash >> 12) + 0.5) * 0x1p-52;
  return -std::log(-std::log(uniform));
}

// -log(-log u) of the largest uniform, 1 - 2^-53, is 36.74.
constexpr double kMaxNoise = 36.8;

[[noreturn]] void throw_bad_option(const char* name, double value, const char* range) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = name,
               .what = "is " + std::to_string(value),
               .remedy = std::string("give a number ") + range});
}

// The likeliest token; the lower id among equals. Refuses logits that no sound model makes.
int32_t find_greatest(std::span<const float> logits) {
  size_t best = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const float logit = logits[i];
    if (std::isnan(logit) || logit == std::numeric_limits<float>::infinity()) {
      throw Error({.code = ErrorCode::kInternal,
                   .where = "logit of token " + std::to_string(i),
                   .what = std::isnan(logit) ? "is not a number" : "is infinite",
                   .remedy = "check the model's files"});
    }
    if (logit > logits[best]) best = i;
  }
  if (logits[best] == -std::numeric_limits<float>::infinity()) {
    throw Error({.code = ErrorCode::kInternal,
                 .where = "logits",
                 .what = "allow no token at all",
                 .remedy = "check the model's files"});
  }
  return static_cast<int32_t>(best);
}

// Scores token by token and keeps the best. Order does not matter to the result.
class NoisyMaximum {
 public:
  NoisyMaximum(std::span<const float> logits, double greatest, const SamplingOptions& options,
               uint64_t position)
      : logits_(logits),
        greatest_(greatest),
        temperature_(options.temperature),
        key_(noise_key(options.seed, position)) {}

  void offer(int32_t token) {
    const double scaled =
        (static_cast<double>(logits_[static_cast<size_t>(token)]) - greatest_) / temperature_;
    if (scaled + kMaxNoise < score_) return;
    const double score = scaled + noise(key_, token);
    if (score > score_ || (score == score_ && token < token_)) {
      score_ = score;
      token_ = token;
    }
  }

  int32_t token() const { return token_; }

 private:
  std::span<const float> logits_;
  double greatest_;
  double temperature_;
  uint64_t key_;
  double score_ = -std::numeric_limits<double>::infinity();
  int32_t token_ = std::numeric_limits<int32_t>::max();
};

}  // namespace

void check_sampling_options(const SamplingOptions& options) {
  // Written so that NaN fails every test.
  if (!(options.temperature >= 0 && options.temperature <= 100)) {
    throw_bad_option("temperature", options.temperature, "from 0 (greedy) to 100");
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    throw_bad_option("top_p", options.top_p, "above 0 and at most 1");
  }
  if (options.top_k < 0) throw_bad_option("top_k", options.top_k, "from 0 (no limit)");
  if (!(options.min_p >= 0 && options.min_p <= 1)) {
    throw_bad_option("min_p", options.min_p, "from 0 to 1");
  }
}

double gumbel_noise(uint64_t seed, uint64_t position, int32_t token) {
  return noise(noise_key(seed, position), token);
}

int32_t Sampler::sample(std::span<const float> logits, const SamplingOptions& options,
                        uint64_t position) {
  HADAL_CHECK(!logits.empty());
  const int32_t greedy = find_greatest(logits);
  if (options.temperature == 0) return greedy;

  const auto vocab = static_cast<int32_t>(logits.size());
  const double greatest = logits[static_cast<size_t>(greedy)];
  NoisyMaximum maximum(logits, greatest, options, position);
  const bool limited_k = options.top_k > 0 && options.top_k < vocab;
  if (!limited_k && options.top_p >= 1 && options.min_p <= 0) {
    maximum.offer(greedy);  // first, so that hopeless tokens need no noise
    for (int32_t token = 0; token < vocab; ++token) maximum.offer(token);
    return maximum.token();
  }

  const auto weight = [&](int32_t token) {
    const double logit = logits[static_cast<size_t>(token)];
    return std::exp((logit - greatest) / static_cast<double>(options.temperature));
  };
  const auto less_likely = [&](int32_t a, int32_t b) {
    const float x = logits[static_cast<size_t>(a)];
    const float y = logits[static_cast<size_t>(b)];
    return x < y || (x == y && a > b);
  };
  // A heap hands out the likeliest tokens in order without sorting the rest of the vocabulary.
  candidates_.resize(logits.size());
  for (int32_t token = 0; token < vocab; ++token) candidates_[static_cast<size_t>(token)] = token;
  std::make_heap(candidates_.begin(), candidates_.end(), less_likely);
  size_t heap_size = candidates_.size();
  const auto pop = [&] {
    std::pop_heap(candidates_.begin(), candidates_.begin() + static_cast<ptrdiff_t>(heap_size),
                  less_likely);
    return candidates_[--heap_size];
  };

  allowed_.clear();
  double total = 0;
  if (limited_k) {
    for (int i = 0; i < options.top_k; ++i) {
      allowed_.push_back(pop());
      total += weight(allowed_.back());
    }
  } else if (options.top_p < 1) {
    for (int32_t token = 0; token < vocab; ++token) total += weight(token);
  }

  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (limited_k && i == allowed_.size()) break;
    const int32_t token = limited_k ? allowed_[i] : pop();
    const double token_weight = weight(token);
    // The likeliest token has weight 1 and always stays.
    if (i > 0 && token_weight < static_cast<double>(options.min_p)) break;
    maximum.offer(token);
    sum += token_weight;
    if (options.top_p < 1 && sum >= static_cast<double>(options.top_p) * total) break;
  }
  return maximum.token();
}

}  // namespace hadal
