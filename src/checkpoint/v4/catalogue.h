// Every tensor of a DeepSeek V4 checkpoint by name, dtype and shape, derived from the config alone,
// and the sums over them. Reads no file.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "checkpoint/v4/config.h"

namespace hadal {

// What a tensor serves. kMtp holds the whole drafter; the others the backbone.
enum class Part {
  kEmbedding,
  kHead,
  kAttention,
  kRoutedExperts,
  kSharedExperts,
  kGates,             // with the hash tables tid2eid
  kHyperConnections,  // of the layers
  kHyperHead,         // hc_head_*: the mix of the streams before the head
  kNorms,             // attn_norm, ffn_norm and the last norm
  kMtp,
};
constexpr size_t kPartCount = 10;

// For example "routed experts".
std::string_view part_name(Part part);

struct TensorSpec {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape = {};
  Part part = Part::kNorms;
};

// Elements as stored: a packed FP4 pair counts once.
int64_t element_count(const TensorSpec& spec);
int64_t byte_count(const TensorSpec& spec);

// All tensors, in the order embed, layers, norm, head, drafter. Of a DSpark drafter that
// config.json does not describe none: it is not used (docs/formats.md).
std::vector<TensorSpec> catalogue(const ModelConfig& config);

// Parameters: FP4 weights counted singly, scales and the hash tables not at all.
struct CatalogueTotals {
  int64_t tensors = 0;
  int64_t elements = 0;  // as stored
  int64_t bytes = 0;
  std::array<int64_t, kPartCount> part_bytes = {};
  int64_t parameters = 0;  // of the backbone
  int64_t drafter_parameters = 0;
  int64_t drafter_fp8_bytes = 0;  // of its weights that are FP8
  int64_t active_parameters = 0;  // of one token, without the embedding and the drafter
  int64_t expert_parameters = 0;  // of one routed expert
  int64_t expert_bytes = 0;
  // Weight bytes that one token of a batch of 1 reads, without the embedding and the drafter.
  int64_t active_bytes = 0;

  int64_t part(Part p) const { return part_bytes[static_cast<size_t>(p)]; }
};
CatalogueTotals catalogue_totals(const ModelConfig& config);

}  // namespace hadal
