#include "checkpoint/v4/catalogue.h"

#include <utility>

namespace hadal {
namespace {

constexpr int64_t blocks(int64_t extent, int64_t block) { return (extent + block - 1) / block; }

// Appends the tensors of one part of the model after another.
class Builder {
 public:
  Builder(std::vector<TensorSpec>& out, const ModelConfig& config) : out_(out), config_(config) {}

  void embedding() { add("embed.weight", DType::kBf16, {vocab(), d()}, Part::kEmbedding); }

  void layer(int index) {
    prefix_ = "layers." + std::to_string(index) + ".";
    block(config_.layer_kinds[static_cast<size_t>(index)], index < config_.hash_layers);
    prefix_.clear();
  }

  void head() {
    add("norm.weight", DType::kBf16, {d()}, Part::kNorms);
    hyper("hc_head", streams(), 1, Part::kHyperHead);
    add("head.weight", DType::kBf16, {vocab(), d()}, Part::kHead);
  }

  void mtp() {
    prefix_ = "mtp.0.";
    in_mtp_ = true;
    fp8("e_proj", d(), d(), Part::kMtp);
    fp8("h_proj", d(), d(), Part::kMtp);
    for (const char* name : {"enorm.weight", "hnorm.weight", "norm.weight"}) {
      add(name, DType::kBf16, {d()}, Part::kMtp);
    }
    hyper("hc_head", streams(), 1, Part::kMtp);
    block(LayerKind::kWindow, false);
  }

  // A block drafter: stages like a layer without compression; the first takes the taps, the last
  // has the heads.
  void dspark() {
    in_mtp_ = true;
    const int64_t rank = config_.dspark.markov_rank;
    for (int stage = 0; stage < config_.drafter_stages; ++stage) {
      prefix_ = "mtp." + std::to_string(stage) + ".";
      if (stage == 0) {
        fp8("main_proj", d(), static_cast<int64_t>(config_.dspark.taps.size()) * d(), Part::kMtp);
        add("main_norm.weight", DType::kBf16, {d()}, Part::kMtp);
      }
      block(LayerKind::kWindow, false);
      if (stage + 1 < config_.drafter_stages) continue;
      add("norm.weight", DType::kBf16, {d()}, Part::kMtp);
      hyper("hc_head", streams(), 1, Part::kMtp);
      bf16("markov_head.markov_w1", vocab(), rank, Part::kMtp);
      bf16("markov_head.markov_w2", vocab(), rank, Part::kMtp);
      bf16("confidence_head.proj", 1, d() + rank, Part::kMtp);
    }
  }

 private:
  int64_t d() const { return config_.hidden_size; }
  int64_t vocab() const { return config_.vocab_size; }
  int64_t streams() const { return config_.hc_mult; }

  void add(const std::string& name, DType dtype, std::vector<int64_t> shape, Part part) {
    out_.push_back({.name = prefix_ + name,
                    .dtype = dtype,
                    .shape = std::move(shape),
                    .part = in_mtp_ ? Part::kMtp : part});
  }

  void bf16(const std::string& name, int64_t rows, int64_t columns, Part part) {
    add(name + ".weight", DType::kBf16, {rows, columns}, part);
  }

  void fp8(const std::string& name, int64_t rows, int64_t columns, Part part) {
    add(name + ".weight", DType::kF8E4m3, {rows, columns}, part);
    add(name + ".scale", DType::kF8E8m0, {blocks(rows, kFp8Block), blocks(columns, kFp8Block)},
        part);
  }

  void fp4(const std::string& name, int64_t rows, int64_t columns, Part part) {
    add(name + ".weight", DType::kI8, {rows, columns / 2}, part);
    add(name + ".scale", DType::kF8E8m0, {rows, columns / kFp4Block}, part);
  }

  // The map from all streams to `outputs` mixing values, scaled in `scales` groups.
  void hyper(const std::string& name, int64_t outputs, int64_t scales, Part part) {
    add(name + "_fn", DType::kF32, {outputs, streams() * d()}, part);
    add(name + "_base", DType::kF32, {outputs}, part);
    add(name + "_scale", DType::kF32, {scales}, part);
  }

  void block(LayerKind kind, bool hashed) {
    const int64_t mixing = (2 + streams()) * streams();  // pre, post and the stream matrix
    hyper("hc_attn", mixing, 3, Part::kHyperConnections);
    add("attn_norm.weight", DType::kBf16, {d()}, Part::kNorms);
    attention(kind);
    hyper("hc_ffn", mixing, 3, Part::kHyperConnections);
    add("ffn_norm.weight", DType::kBf16, {d()}, Part::kNorms);
    experts(hashed);
  }

  void attention(LayerKind kind) {
    constexpr Part kPart = Part::kAttention;
    const int64_t c = config_.head_dim;
    const int64_t q = config_.q_lora_rank;
    const int64_t groups = config_.o_groups;
    const int64_t rank = config_.o_lora_rank;
    const int64_t heads = config_.heads;
    add("attn.attn_sink", DType::kF32, {heads}, kPart);
    fp8("attn.wq_a", q, d(), kPart);
    add("attn.q_norm.weight", DType::kBf16, {q}, kPart);
    fp8("attn.wq_b", heads * c, q, kPart);
    fp8("attn.wkv", c, d(), kPart);
    add("attn.kv_norm.weight", DType::kBf16, {c}, kPart);
    fp8("attn.wo_a", groups * rank, heads * c / groups, kPart);
    fp8("attn.wo_b", d(), groups * rank, kPart);
    if (kind == LayerKind::kWindow) return;
    compressor("attn.compressor", c, kind);
    if (kind != LayerKind::kCsa) return;
    const int64_t index_heads = config_.index_heads;
    fp8("attn.indexer.wq_b", index_heads * config_.index_head_dim, q, kPart);
    bf16("attn.indexer.weights_proj", index_heads, d(), kPart);
    compressor("attn.indexer.compressor", config_.index_head_dim, kind);
  }

  // With ratio 4 every group also pools the one before it: twice the width.
  void compressor(const std::string& name, int64_t width, LayerKind kind) {
    const int64_t channels = kind == LayerKind::kCsa ? 2 * width : width;
    add(name + ".ape", DType::kF32, {compress_ratio(kind), channels}, Part::kAttention);
    bf16(name + ".wkv", channels, d(), Part::kAttention);
    bf16(name + ".wgate", channels, d(), Part::kAttention);
    add(name + ".norm.weight", DType::kBf16, {width}, Part::kAttention);
  }

  void experts(bool hashed) {
    const int64_t width = config_.expert_width;
    const int64_t count = config_.routed_experts;
    bf16("ffn.gate", count, d(), Part::kGates);
    if (hashed) {
      add("ffn.gate.tid2eid", DType::kI64, {vocab(), config_.experts_per_token}, Part::kGates);
    } else {
      add("ffn.gate.bias", DType::kF32, {count}, Part::kGates);
    }
    for (int64_t e = 0; e < count; ++e) {
      const std::string name = "ffn.experts." + std::to_string(e);
      fp4(name + ".w1", width, d(), Part::kRoutedExperts);
      fp4(name + ".w2", d(), width, Part::kRoutedExperts);
      fp4(name + ".w3", width, d(), Part::kRoutedExperts);
    }
    fp8("ffn.shared_experts.w1", width, d(), Part::kSharedExperts);
    fp8("ffn.shared_experts.w2", d(), width, Part::kSharedExperts);
    fp8("ffn.shared_experts.w3", width, d(), Part::kSharedExperts);
  }

  std::vector<TensorSpec>& out_;
  const ModelConfig& config_;
  std::string prefix_;
  bool in_mtp_ = false;
};

// Values that the tensor holds as weights: none for scales and tables.
int64_t parameter_count(const TensorSpec& spec) {
  switch (spec.dtype) {
    case DType::kF8E8m0:
    case DType::kI64:
      return 0;
    case DType::kI8:
      return 2 * element_count(spec);
    default:
      return element_count(spec);
  }
}

}  // namespace

std::string_view part_name(Part part) {
  switch (part) {
    case Part::kEmbedding:
      return "embedding";
    case Part::kHead:
      return "output head";
    case Part::kAttention:
      return "attention";
    case Part::kRoutedExperts:
      return "routed experts";
    case Part::kSharedExperts:
      return "shared experts";
    case Part::kGates:
      return "gates";
    case Part::kHyperConnections:
      return "hyper-connections";
    case Part::kHyperHead:
      return "hyper-connection head";
    case Part::kNorms:
      return "norms";
    case Part::kMtp:
      return "drafter";
  }
  return "?";
}

int64_t element_count(const TensorSpec& spec) {
  int64_t count = 1;
  for (const int64_t extent : spec.shape) count *= extent;
  return count;
}

int64_t byte_count(const TensorSpec& spec) {
  return element_count(spec) * static_cast<int64_t>(dtype_bytes(spec.dtype));
}

std::vector<TensorSpec> catalogue(const ModelConfig& config) {
  std::vector<TensorSpec> out;
  constexpr size_t kTensorsPerExpert = 6;
  constexpr size_t kOtherTensorsPerLayer = 48;  // 47 at most: a CSA layer
  out.reserve(
      (static_cast<size_t>(config.layers + config.drafter_stages) + 2) *
      (static_cast<size_t>(config.routed_experts) * kTensorsPerExpert + kOtherTensorsPerLayer));
  Builder builder(out, config);
  builder.embedding();
  for (int layer = 0; layer < config.layers; ++layer) builder.layer(layer);
  builder.head();
  if (config.drafter == DrafterKind::kMtp) builder.mtp();
  if (config.drafter == DrafterKind::kDspark && config.usable_stages() > 0) builder.dspark();
  return out;
}

CatalogueTotals catalogue_totals(const ModelConfig& config) {
  CatalogueTotals totals;
  int64_t routed_parameters = 0;
  int64_t embedding_parameters = 0;
  for (const TensorSpec& spec : catalogue(config)) {
    const int64_t parameters = parameter_count(spec);
    ++totals.tensors;
    totals.elements += element_count(spec);
    totals.bytes += byte_count(spec);
    totals.part_bytes[static_cast<size_t>(spec.part)] += byte_count(spec);
    if (spec.part == Part::kMtp && spec.dtype == DType::kF8E4m3) {
      totals.drafter_fp8_bytes += byte_count(spec);
    }
    (spec.part == Part::kMtp ? totals.drafter_parameters : totals.parameters) += parameters;
    if (spec.part == Part::kRoutedExperts) routed_parameters += parameters;
    if (spec.part == Part::kEmbedding) embedding_parameters += parameters;
  }
  const int64_t experts = int64_t{config.layers} * config.routed_experts;
  totals.expert_parameters = routed_parameters / experts;
  totals.expert_bytes = totals.part(Part::kRoutedExperts) / experts;
  const int64_t idle_experts =
      int64_t{config.layers} * (config.routed_experts - config.experts_per_token);
  totals.active_parameters =
      totals.parameters - embedding_parameters - idle_experts * totals.expert_parameters;
  totals.active_bytes = totals.bytes - totals.part(Part::kEmbedding) - totals.part(Part::kMtp) -
                        idle_experts * totals.expert_bytes;
  return totals;
}

}  // namespace hadal
