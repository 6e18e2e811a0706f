#include "checkpoint/v4/synth_weights.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string_view>

#include "base/check.h"
#include "base/tensor.h"
#include "base/unaligned.h"
#include "numeric/bf16.h"
#include "numeric/e2m1.h"
#include "numeric/e4m3.h"
#include "numeric/e8m0.h"

namespace hadal {
namespace {

constexpr size_t kQuantiles = 4096;

// Quantiles of the normal distribution at (i + 0.5) / 4096, in ascending order; |x| <= 3.67.
// x(p) and w = 1 / density(x) obey x' = w, w' = x w^2, integrated from the median. Only the four
// basic operations, so that every machine gets the same bits: libm's functions differ.
std::array<double, kQuantiles> make_normal_quantiles() {
  constexpr int kSteps = 16;  // per half distance of two quantiles
  constexpr double kStep = 0.5 / kQuantiles / kSteps;
  std::array<double, kQuantiles> quantiles{};
  double x = 0;
  double w = 2.5066282746310002;  // sqrt(2 pi)
  for (size_t i = 0; i < kQuantiles / 2; ++i) {
    const int steps = i == 0 ? kSteps : 2 * kSteps;
    for (int step = 0; step < steps; ++step) {
      const double x1 = w;
      const double w1 = x * w * w;
      const double xa = x + kStep / 2 * x1;
      const double wa = w + kStep / 2 * w1;
      const double x2 = wa;
      const double w2 = xa * wa * wa;
      const double xb = x + kStep / 2 * x2;
      const double wb = w + kStep / 2 * w2;
      const double x3 = wb;
      const double w3 = xb * wb * wb;
      const double xc = x + kStep * x3;
      const double wc = w + kStep * w3;
      const double x4 = wc;
      const double w4 = xc * wc * wc;
      x += kStep / 6 * (x1 + 2 * x2 + 2 * x3 + x4);
      w += kStep / 6 * (w1 + 2 * w2 + 2 * w3 + w4);
    }
    quantiles[kQuantiles / 2 + i] = x;
    quantiles[kQuantiles / 2 - 1 - i] = -x;
  }
  return quantiles;
}

const std::array<double, kQuantiles>& normal_quantiles() {
  static const std::array<double, kQuantiles> kTable = make_normal_quantiles();
  return kTable;
}

// Bytes of codes that 12 random bits choose from, and the root mean square of the values.
struct CodeTable {
  std::array<uint8_t, kQuantiles> bytes{};
  double rms = 0;
};

// e4m3 codes of a normal distribution whose largest quantile, 3.67 deviations, is just below 448.
const CodeTable& e4m3_codes() {
  static const CodeTable kTable = [] {
    CodeTable table;
    double squares = 0;
    for (size_t i = 0; i < kQuantiles; ++i) {
      table.bytes[i] = e4m3_encode(static_cast<float>(120 * normal_quantiles()[i]));
      const double value = e4m3_decode(table.bytes[i]);
      squares += value * value;
    }
    table.rms = std::sqrt(squares / kQuantiles);
    return table;
  }();
  return kTable;
}

// Pairs of e2m1 codes, each of 64 quantiles of a normal distribution with deviation 2.5.
const CodeTable& e2m1_pairs() {
  static const CodeTable kTable = [] {
    CodeTable table;
    std::array<uint8_t, 64> codes{};
    double squares = 0;
    for (size_t i = 0; i < codes.size(); ++i) {
      constexpr size_t kStride = kQuantiles / 64;
      codes[i] = e2m1_encode(static_cast<float>(2.5 * normal_quantiles()[i * kStride + 32]));
      const double value = e2m1_decode(codes[i]);
      squares += value * value;
    }
    for (size_t i = 0; i < kQuantiles; ++i) {
      table.bytes[i] = static_cast<uint8_t>(codes[i % 64] | (codes[i / 64] << 4));
    }
    table.rms = std::sqrt(squares / static_cast<double>(codes.size()));
    return table;
  }();
  return kTable;
}

// The 64-bit finaliser of splitmix64: every output bit depends on every input bit.
uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Random word number `index` of the tensor with this key.
uint64_t word(uint64_t key, uint64_t index) { return mix(key + (index + 1) * 0x9e3779b97f4a7c15u); }

uint64_t tensor_key(uint64_t seed, std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : name) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  }
  return mix(hash ^ mix(seed));
}

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

// The standard deviation of a linear layer's output for inputs of unit variance. Inputs of all
// these layers but wo_* and w2 are normalised, so a gain of 1 keeps the scale. w2 sees products of
// silu(gate) and up; with 0.7 the feed-forward adds about as much to the streams as attention does.
double linear_gain(std::string_view name) {
  if (name.ends_with(".w2")) return 0.7;
  if (ends_with_any(name, {"e_proj", "h_proj"})) return 0.7;  // their sum has unit variance
  if (name == "head") return 3;  // logits of deviation 3: neither flat nor certain
  return 1;
}

// Means by element (repeated) and deviation of the tensors that are no linear layers.
struct Distribution {
  std::vector<double> means = {0};
  double deviation = 0;
};

// hc_{attn,ffn}_base of n streams: pre, post, then the n x n mixing matrix, which keeps about 0.9
// of a stream: with much more mixing all streams become parallel, and mixing errors would not show.
std::vector<double> mixing_means(int streams) {
  std::vector<double> means(static_cast<size_t>(streams), -0.5);
  means.resize(static_cast<size_t>(2 * streams), 0.0);
  for (int from = 0; from < streams; ++from) {
    for (int to = 0; to < streams; ++to) {
      means.push_back(from == to ? 4.0 : 0.0);
    }
  }
  return means;
}

Distribution distribution(const ModelConfig& config, std::string_view name) {
  if (name.ends_with("norm.weight")) return {.means = {1}, .deviation = 0.1};
  if (name.ends_with("embed.weight")) return {.deviation = 1};
  if (name.ends_with("hc_head_base")) return {.deviation = 1};
  if (name.ends_with("_base")) return {.means = mixing_means(config.hc_mult), .deviation = 1};
  if (name.ends_with("_scale")) return {.means = {0.5}, .deviation = 0.05};
  if (name.ends_with(".attn_sink")) return {.deviation = 1};
  if (name.ends_with(".ape")) return {.deviation = 0.3};
  if (name.ends_with(".gate.bias")) return {.deviation = 0.05};
  HADAL_CHECK(false && "a tensor of the catalogue without a synthetic distribution");
  return {};
}

}  // namespace

SynthTensor::SynthTensor(const ModelConfig& config, const TensorSpec& spec, uint64_t seed)
    : key_(tensor_key(seed, spec.name)),
      elements_(static_cast<size_t>(element_count(spec))),
      element_bytes_(dtype_bytes(spec.dtype)) {
  const std::string_view name = spec.name;
  if (spec.dtype == DType::kI64) {
    kind_ = Kind::kExpertIds;
    experts_ = config.routed_experts;
    experts_per_token_ = config.experts_per_token;
    HADAL_CHECK(experts_per_token_ <= experts_ && experts_per_token_ == spec.shape.back());
    return;
  }
  if (spec.dtype == DType::kF8E4m3 || spec.dtype == DType::kI8) {
    kind_ = Kind::kCodes;
    codes_ = (spec.dtype == DType::kI8 ? e2m1_pairs() : e4m3_codes()).bytes.data();
    return;
  }
  if (spec.dtype == DType::kF8E8m0) {
    kind_ = Kind::kScales;
    const bool fp4 = name.find(".ffn.experts.") != std::string_view::npos;
    const double inputs = static_cast<double>(spec.shape.back()) * (fp4 ? kFp4Block : kFp8Block);
    const double gain = linear_gain(name.substr(0, name.rfind('.')));
    // The factor 1/2, 1 or 2 of a block (probabilities 1/4, 1/2, 1/4) has the mean square 1.5625.
    const double scale =
        gain / std::sqrt(inputs * 1.5625) / (fp4 ? e2m1_pairs() : e4m3_codes()).rms;
    int exponent = 0;
    const double ratio = 2 * std::frexp(scale, &exponent);  // in [1, 2)
    exponent_ = exponent - 1;
    up_ = static_cast<uint32_t>((ratio * ratio - 1) / 3 * 0x1p14);
    return;
  }
  Distribution values;
  const bool linear = spec.shape.size() == 2 && !ends_with_any(name, {"embed.weight", ".ape"});
  if (linear) {
    values.deviation = linear_gain(name.substr(0, name.rfind(".weight"))) /
                       std::sqrt(static_cast<double>(spec.shape.back()));
  } else {
    values = distribution(config, name);
  }
  means_ = values.means;
  deviation_ = values.deviation;
  if (spec.dtype == DType::kF32) {
    kind_ = Kind::kF32;
    return;
  }
  HADAL_CHECK(spec.dtype == DType::kBf16 && means_.size() == 1);
  kind_ = Kind::kBf16;
  bf16_table_.reserve(kQuantiles);
  for (const double quantile : normal_quantiles()) {
    bf16_table_.push_back(bf16_encode(static_cast<float>(means_[0] + deviation_ * quantile)));
  }
}

void SynthTensor::generate(size_t first, std::span<std::byte> out) const {
  HADAL_CHECK(first % kSynthAlignment == 0 && out.size() % element_bytes_ == 0);
  const size_t count = out.size() / element_bytes_;
  HADAL_CHECK(first + count <= elements_);
  if (kind_ == Kind::kF32) return generate_f32(first, out);
  if (kind_ == Kind::kExpertIds) return generate_expert_ids(first, out);
  std::byte* to = out.data();
  // One random word serves four elements with 16 bits each.
  for (size_t i = 0; i < count; i += kSynthAlignment) {
    uint64_t random = word(key_, (first + i) / kSynthAlignment);
    const size_t lanes = std::min(kSynthAlignment, count - i);
    for (size_t lane = 0; lane < lanes; ++lane, random >>= 16) {
      switch (kind_) {
        case Kind::kCodes:
          to[i + lane] = std::byte{codes_[random & (kQuantiles - 1)]};
          break;
        case Kind::kBf16:
          store_unaligned(to + 2 * (i + lane), bf16_table_[random & (kQuantiles - 1)]);
          break;
        default: {
          constexpr std::array<int, 4> kJitter = {-1, 0, 0, 1};
          const uint32_t bits = static_cast<uint32_t>(random & 0xffff);
          const int code = kE8m0One + exponent_ + kJitter[bits & 3] + ((bits >> 2) < up_ ? 1 : 0);
          to[i + lane] = std::byte{static_cast<uint8_t>(std::clamp(code, 0, 254))};
        }
      }
    }
  }
}

void SynthTensor::generate_f32(size_t first, std::span<std::byte> out) const {
  const std::array<double, kQuantiles>& quantiles = normal_quantiles();
  for (size_t i = 0; i < out.size() / sizeof(float); ++i) {
    const size_t element = first + i;
    const uint64_t random = word(key_, element);
    // Between neighbouring quantiles linearly, so that all values differ.
    const size_t index = (random >> 52) % (kQuantiles - 1);
    const double fraction = static_cast<double>(random & 0xffffffffu) * 0x1p-32;
    const double normal = quantiles[index] + fraction * (quantiles[index + 1] - quantiles[index]);
    const double value = means_[element % means_.size()] + deviation_ * normal;
    store_unaligned(out.data() + i * sizeof(float), static_cast<float>(value));
  }
}

void SynthTensor::generate_expert_ids(size_t first, std::span<std::byte> out) const {
  const size_t per_row = static_cast<size_t>(experts_per_token_);
  std::vector<int64_t> row;
  size_t row_index = elements_;  // none yet
  for (size_t i = 0; i < out.size() / sizeof(int64_t); ++i) {
    const size_t element = first + i;
    if (element / per_row != row_index) {
      row_index = element / per_row;
      const uint64_t row_key = word(key_, row_index);
      row.clear();
      for (uint64_t draw = 0; row.size() < per_row; ++draw) {
        const int64_t id =
            static_cast<int64_t>(word(row_key, draw) % static_cast<uint64_t>(experts_));
        if (std::find(row.begin(), row.end(), id) == row.end()) {
          row.push_back(id);
        }
      }
    }
    store_unaligned(out.data() + i * sizeof(int64_t), row[element % per_row]);
  }
}

}  // namespace hadal
