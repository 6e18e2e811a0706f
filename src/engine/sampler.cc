#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "base/check.h"
#include "base/error.h"
#include "engine/logit_weights.h"
#include "numeric/elementary.h"

namespace hadal {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

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

uint64_t noise_hash(uint64_t key, int32_t token) {
  return mix(key + kWeyl * (static_cast<uint64_t>(static_cast<uint32_t>(token)) + 1));
}

double noise(uint64_t hash) {
  // 52 bits and a half: the uniform is never 0 and never 1.
  const double uniform = (static_cast<double>(hash >> 12) + 0.5) * 0x1p-52;
  return -elementary::log(-elementary::log(uniform));
}

// Not below noise(hash), without a logarithm. With z leading ones in the hash's upper 52 bits,
// 1 - u > 2^-(z+1), and -log(-log u) <= -log(1 - u).
double noise_bound(uint64_t hash) {
  constexpr double kLog2 = 0.6931471806;  // rounded up
  return (std::countl_zero(~hash | 0x800) + 1) * kLog2;
}

// -log(-log u) of the largest uniform, 1 - 2^-53, is 36.74.
constexpr double kMaxNoise = 36.8;

// The greatest logit and the likeliest token. Refuses logits that no sound model makes.
struct Greatest {
  float logit = 0;
  int32_t token = 0;
};

Greatest find_greatest(std::span<const float> logits) {
  // Several maxima side by side, which the compiler turns into vectors.
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> best;
  best.fill(-kInfinity);
  std::array<int, kLanes> unsound{};
  const size_t whole = logits.size() / kLanes * kLanes;
  constexpr float kMost = std::numeric_limits<float>::max();
  for (size_t i = 0; i < whole; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float logit = logits[i + lane];
      best[lane] = logit > best[lane] ? logit : best[lane];
      unsound[lane] |= logit <= kMost ? 0 : 1;  // NaN or +inf
    }
  }
  float greatest = *std::max_element(best.begin(), best.end());
  bool sound = std::all_of(unsound.begin(), unsound.end(), [](int flag) { return flag == 0; });
  for (size_t i = whole; i < logits.size(); ++i) {
    greatest = std::max(greatest, logits[i]);
    sound = sound && logits[i] <= kMost;
  }
  if (!sound) {
    const auto bad =
        std::find_if_not(logits.begin(), logits.end(), [](float logit) { return logit <= kMost; });
    throw Error({.code = ErrorCode::kInternal,
                 .where = "logit of token " + std::to_string(bad - logits.begin()),
                 .what = std::isnan(*bad) ? "is not a number" : "is infinite",
                 .remedy = "check the model's files"});
  }
  if (greatest == -kInfinity) {
    throw Error({.code = ErrorCode::kInternal,
                 .where = "logits",
                 .what = "allow no token at all",
                 .remedy = "check the model's files"});
  }
  const auto first = std::find(logits.begin(), logits.end(), greatest);
  return {.logit = greatest, .token = static_cast<int32_t>(first - logits.begin())};
}

// Scores token by token and keeps the best. Order does not matter to the result.
class NoisyMaximum {
 public:
  NoisyMaximum(const Greatest& greatest, const SamplingOptions& options, uint64_t position)
      : greatest_(static_cast<double>(greatest.logit)),
        temperature_(static_cast<double>(options.temperature)),
        key_(noise_key(options.seed, position)) {
    offer(greatest.logit, greatest.token);  // first, so that hopeless tokens need no noise
  }

  void offer(float logit, int32_t token) {
    if (logit < hopeless_) return;
    const double scaled = (static_cast<double>(logit) - greatest_) / temperature_;
    const uint64_t hash = noise_hash(key_, token);
    if (scaled + noise_bound(hash) < score_) return;
    const double score = scaled + noise(hash);
    if (score > score_ || (score == score_ && token < token_)) {
      score_ = score;
      token_ = token;
      hopeless_ = static_cast<float>(greatest_ + (score_ - kMaxNoise) * temperature_);
    }
  }

  int32_t token() const { return token_; }

 private:
  double greatest_;
  double temperature_;
  uint64_t key_;
  double score_ = -std::numeric_limits<double>::infinity();
  float hopeless_ = -kInfinity;  // no noise helps logits below
  int32_t token_ = std::numeric_limits<int32_t>::max();
};

float least_finite(std::span<const float> logits) {
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> least;
  least.fill(kInfinity);
  const size_t whole = logits.size() / kLanes * kLanes;
  const auto smaller = [](float logit, float so_far) {
    const float value = logit > -kInfinity ? logit : kInfinity;
    return value < so_far ? value : so_far;
  };
  for (size_t i = 0; i < whole; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      least[lane] = smaller(logits[i + lane], least[lane]);
    }
  }
  for (size_t i = whole; i < logits.size(); ++i) least[0] = smaller(logits[i], least[0]);
  return *std::min_element(least.begin(), least.end());
}

// Logits sorted roughly: bucket 0 holds the greatest. Never puts a smaller logit before a greater.
class Buckets {
 public:
  static constexpr size_t kCount = 256;

  // The last bucket takes what lies more than `width` below `greatest`.
  Buckets(float greatest, double width) : greatest_(greatest) {
    constexpr double kMost = static_cast<double>(std::numeric_limits<float>::max());
    if (width > 0) scale_ = static_cast<float>(std::min((kCount - 1) / width, kMost));
  }

  size_t of(float logit) const {
    const float bucket = (greatest_ - logit) * scale_;
    // NaN (-inf among equals) goes to the last one too.
    return bucket < static_cast<float>(kCount - 1) ? static_cast<size_t>(static_cast<int>(bucket))
                                                   : kCount - 1;
  }

  // No logit of buckets 0 to `last` is less; some of the next one may be greater.
  float least(size_t last) const {
    if (last == kCount - 1 || scale_ == 0) return -kInfinity;
    const double below = static_cast<double>(last + 1) / static_cast<double>(scale_);
    const double edge = static_cast<double>(greatest_) - below * (1 + 1e-6);
    if (edge < -static_cast<double>(std::numeric_limits<float>::max())) return -kInfinity;
    return elementary::next_below(static_cast<float>(edge));
  }

 private:
  float greatest_;
  float scale_ = 0;
};

// The first bucket with which the sum reaches `wanted`.
template <typename Count>
size_t bucket_reaching(const std::array<Count, Buckets::kCount>& counts, double wanted) {
  Count sum = 0;
  for (size_t bucket = 0; bucket < counts.size(); ++bucket) {
    sum += counts[bucket];
    if (static_cast<double>(sum) >= wanted) return bucket;
  }
  return counts.size() - 1;
}

}  // namespace

void check_logits(std::span<const float> logits) { static_cast<void>(find_greatest(logits)); }

double gumbel_noise(uint64_t seed, uint64_t position, int32_t token) {
  return noise(noise_hash(noise_key(seed, position), token));
}

bool Sampler::likelier(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

int32_t Sampler::sample(std::span<const float> logits, const SamplingOptions& options,
                        uint64_t position) {
  HADAL_CHECK(!logits.empty() && logits.size() <= kMostWeights);
  const Greatest greatest = find_greatest(logits);
  if (options.temperature == 0) return greatest.token;

  NoisyMaximum maximum(greatest, options, position);
  const bool limited = options.top_k > 0 && static_cast<size_t>(options.top_k) < logits.size();
  if (!limited && options.top_p >= 1 && options.min_p <= 0) {
    for (size_t i = 0; i < logits.size(); ++i) maximum.offer(logits[i], static_cast<int32_t>(i));
    return maximum.token();
  }
  select(logits, options, greatest.logit);
  for (const Candidate& candidate : kept_) maximum.offer(candidate.logit, candidate.token);
  return maximum.token();
}

int32_t Sampler::choose(std::span<const float> logits, SamplerState& state, uint64_t position) {
  if (!state.changes_logits()) return sample(logits, state.options(), position);
  find_greatest(logits);  // a fault of the model must not look like one of the request
  changed_.assign(logits.begin(), logits.end());
  state.apply(changed_);
  return sample(changed_, state.options(), position);
}

SampledToken Sampler::sample(std::span<const float> logits, SamplerState& state,
                             uint64_t position) {
  const SamplingOptions& options = state.options();
  SampledToken sampled{.token = choose(logits, state, position)};
  if (options.top_logprobs.has_value()) {
    sampled.logprobs = compute_logprobs(logits, sampled.token, *options.top_logprobs);
  }
  return sampled;
}

// Leaves in kept_ the tokens that the filters allow, the likeliest always among them. Nothing is
// ever sorted: a rough count finds about where a filter cuts, and selection finds the place.
void Sampler::select(std::span<const float> logits, const SamplingOptions& options,
                     float greatest) {
  const auto temperature = static_cast<double>(options.temperature);
  const SoftmaxWeights weights(greatest, temperature);
  const bool limited = options.top_k > 0 && static_cast<size_t>(options.top_k) < logits.size();
  const double width = static_cast<double>(greatest) - static_cast<double>(least_finite(logits));
  double total = 0;
  if (limited) {
    const Buckets buckets(greatest, width);
    std::array<uint32_t, Buckets::kCount> counts{};
    for (const float logit : logits) ++counts[buckets.of(logit)];
    collect(logits, buckets.least(bucket_reaching(counts, options.top_k)));
    const auto cut = kept_.begin() + options.top_k;
    if (cut < kept_.end()) std::nth_element(kept_.begin(), cut, kept_.end(), likelier);
    kept_.erase(cut, kept_.end());
  } else if (options.top_p < 1) {
    // Weights vanish 31.2 temperatures below the greatest logit.
    const Buckets buckets(greatest, std::min(width, 32 * temperature));
    std::array<uint64_t, Buckets::kCount> sums{};
    std::array<uint64_t, 512> block;
    uint64_t sum = 0;
    for (size_t begin = 0; begin < logits.size(); begin += block.size()) {
      const size_t count = std::min(block.size(), logits.size() - begin);
      weights.compute(logits.subspan(begin, count), std::span(block.data(), count));
      for (size_t i = 0; i < count; ++i) {
        sums[buckets.of(logits[begin + i])] += block[i];
        sum += block[i];
      }
    }
    total = static_cast<double>(sum);
    collect(logits,
            buckets.least(bucket_reaching(sums, static_cast<double>(options.top_p) * total)));
  } else {
    // Weights are exact enough for a thousandth.
    const double share = elementary::log(static_cast<double>(options.min_p)) - 1e-3;
    const double edge = static_cast<double>(greatest) + temperature * share;
    const bool beyond = edge < -static_cast<double>(std::numeric_limits<float>::max());
    collect(logits, beyond ? -kInfinity : elementary::next_below(static_cast<float>(edge)));
  }

  for (Candidate& candidate : kept_) candidate.weight = weights.compute(candidate.logit);
  if (limited) {
    uint64_t sum = 0;
    for (const Candidate& candidate : kept_) sum += candidate.weight;
    total = static_cast<double>(sum);
  }
  if (options.top_p < 1) keep_probability(static_cast<double>(options.top_p) * total);
  if (options.min_p > 0) {
    const double least = static_cast<double>(options.min_p) * static_cast<double>(kGreatestWeight);
    std::erase_if(kept_, [&](const Candidate& candidate) {
      return static_cast<double>(candidate.weight) < least;
    });
  }
}

void Sampler::collect(std::span<const float> logits, float least) {
  kept_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= least) {
      kept_.push_back({.weight = 0, .logit = logits[i], .token = static_cast<int32_t>(i)});
    }
  }
}

// Cuts kept_ to the shortest sequence of likeliest tokens whose weights sum up to `wanted`.
void Sampler::keep_probability(double wanted) {
  // The length is above `low` and at most `high`; kept_[0, low) are the likeliest, of weight `sum`,
  // and kept_[high, end) the least likely.
  size_t low = 0;
  size_t high = kept_.size();
  uint64_t sum = 0;
  const auto at = [&](size_t i) { return kept_.begin() + static_cast<ptrdiff_t>(i); };
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    std::nth_element(at(low), at(middle), at(high), likelier);
    uint64_t with_lower = sum;
    for (size_t i = low; i < middle; ++i) with_lower += kept_[i].weight;
    if (static_cast<double>(with_lower) >= wanted) {
      high = middle;
    } else {
      low = middle;
      sum = with_lower;
    }
  }
  kept_.resize(high);
}

}  // namespace hadal
