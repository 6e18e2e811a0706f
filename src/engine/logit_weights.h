// Softmax numerators in fixed point: exp((logit - greatest) / temperature) in units of 2^-45. Sums
// of integers do not depend on their order, so filters and log-probabilities mean the same however
// they are computed, and on every machine.
#pragma once

#include <cstdint>
#include <span>

namespace hadal {

constexpr int kWeightBits = 45;
constexpr uint64_t kGreatestWeight = uint64_t{1} << kWeightBits;
// So many weights have a sum below 2^63.
constexpr size_t kMostWeights = size_t{1} << 18;

class SoftmaxWeights {
 public:
  // No logit may exceed `greatest`, which is finite. temperature > 0.
  SoftmaxWeights(float greatest, double temperature);

  // weights[i] of logits[i], equal lengths; -inf gives 0. The relative error is below 1e-5, and
  // what is smaller than 2^-45 of the greatest is 0.
  void compute(std::span<const float> logits, std::span<uint64_t> weights) const;
  uint64_t compute(float logit) const;
  // The sum over all of `logits`.
  uint64_t sum(std::span<const float> logits) const;

 private:
  float greatest_;
  float scale_;  // log2(e) / temperature
};

}  // namespace hadal
