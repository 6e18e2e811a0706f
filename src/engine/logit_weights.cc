#include "engine/logit_weights.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "base/check.h"

namespace hadal {
namespace {

constexpr size_t kBlock = 512;

}  // namespace

SoftmaxWeights::SoftmaxWeights(float greatest, double temperature)
    : greatest_(greatest),
      scale_(static_cast<float>(std::min(1.4426950408889634 / temperature,
                                         static_cast<double>(std::numeric_limits<float>::max())))) {
  HADAL_CHECK(temperature > 0);
}

void SoftmaxWeights::compute(std::span<const float> logits, std::span<uint64_t> weights) const {
  HADAL_CHECK(logits.size() == weights.size());
  std::array<int32_t, kBlock> mantissa;
  std::array<int32_t, kBlock> shift;
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, logits.size() - begin);
    const float* in = logits.data() + begin;
    // Apart from the shifts, which the oldest machines have not as vectors.
    for (size_t i = 0; i < count; ++i) {
      float x = (in[i] - greatest_) * scale_;
      x = x > -63.0F ? x : -63.0F;
      const auto whole = static_cast<int32_t>(x - 0.5F);
      const float f = x - static_cast<float>(whole);  // (-0.5, 0.5]
      // 2^f: the Taylor series of exp(f ln 2), whose first omitted term is below 1.3e-7.
      float power = 1.5403530e-4F;
      power = power * f + 1.3333558e-3F;
      power = power * f + 9.6181291e-3F;
      power = power * f + 5.5504109e-2F;
      power = power * f + 0.24022651F;
      power = power * f + 0.69314718F;
      power = power * f + 1.0F;
      mantissa[i] = static_cast<int32_t>(power * 0x1p30F);
      shift[i] = -whole;
    }
    for (size_t i = 0; i < count; ++i) {
      weights[begin + i] = (static_cast<uint64_t>(mantissa[i]) << (kWeightBits - 30)) >> shift[i];
    }
  }
}

uint64_t SoftmaxWeights::compute(float logit) const {
  uint64_t weight = 0;
  compute({&logit, 1}, {&weight, 1});
  return weight;
}

uint64_t SoftmaxWeights::sum(std::span<const float> logits) const {
  HADAL_CHECK(logits.size() <= kMostWeights);
  std::array<uint64_t, kBlock> weights;
  uint64_t total = 0;
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, logits.size() - begin);
    const std::span block(weights.data(), count);
    compute(logits.subspan(begin, count), block);
    total = std::accumulate(block.begin(), block.end(), total);
  }
  return total;
}

}  // namespace hadal
