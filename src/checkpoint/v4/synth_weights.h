// The values of a synthetic checkpoint's tensors: random, and scaled such that activations neither
// vanish nor explode over any number of layers, routing spreads over the experts, and residual
// streams mix unevenly. A value depends on (seed, tensor name, element) only, so tensors can be
// made in any order and piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "checkpoint/v4/catalogue.h"
#include "checkpoint/v4/config.h"

namespace hadal {

class SynthTensor {
 public:
  // `spec` is an entry of catalogue(config).
  SynthTensor(const ModelConfig& config, const TensorSpec& spec, uint64_t seed);

  size_t elements() const { return elements_; }
  // Writes out.size() / dtype_bytes elements from element `first` on. `first` must be a multiple of
  // kSynthAlignment.
  void generate(size_t first, std::span<std::byte> out) const;

 private:
  enum class Kind { kCodes, kScales, kBf16, kF32, kExpertIds };

  void generate_f32(size_t first, std::span<std::byte> out) const;
  void generate_expert_ids(size_t first, std::span<std::byte> out) const;

  Kind kind_ = Kind::kF32;
  uint64_t key_ = 0;
  size_t elements_ = 0;
  size_t element_bytes_ = 0;
  // kBf16, kCodes: what a random 12-bit index gives. kF32 interpolates the normal quantiles.
  std::vector<uint16_t> bf16_table_ = {};
  const uint8_t* codes_ = nullptr;
  // kF32: value = means_[element % means_.size()] + deviation_ * normal.
  std::vector<double> means_ = {};
  double deviation_ = 0;
  // kScales: 2^exponent_ times 1/2, 1 or 2, and doubled with probability up_ / 2^14.
  int exponent_ = 0;
  uint32_t up_ = 0;
  // kExpertIds: rows of experts_per_token_ different ids below experts_.
  int experts_ = 0;
  int experts_per_token_ = 0;
};

constexpr size_t kSynthAlignment = 4;

}  // namespace hadal
