#include "model/v4/weights.h"

#include "base/check.h"
#include "base/error.h"
#include "base/unaligned.h"
#include "numeric/bf16.h"

namespace hadal {
namespace {

WeightFormat format_of(const TensorView& tensor) {
  switch (tensor.dtype) {
    case DType::kF32:
      return WeightFormat::kF32;
    case DType::kBf16:
      return WeightFormat::kBf16;
    case DType::kF8E4m3:
      return WeightFormat::kFp8;
    default:
      HADAL_CHECK(tensor.dtype == DType::kI8);
      return WeightFormat::kFp4;
  }
}

// Binds tensors whose names begin with `prefix`.
class Binder {
 public:
  Binder(const Checkpoint& checkpoint, std::string prefix)
      : checkpoint_(checkpoint), prefix_(std::move(prefix)) {}

  Binder sub(const std::string& name) const { return {checkpoint_, prefix_ + name}; }

  // NAME.weight, with NAME.scale where the format has one.
  WeightMatrix linear(const std::string& name) const {
    WeightMatrix weight = matrix(name + ".weight");
    if (weight.format == WeightFormat::kFp8 || weight.format == WeightFormat::kFp4) {
      weight.scale = tensor(name + ".scale").data;
    }
    return weight;
  }

  WeightMatrix matrix(const std::string& name) const {
    const TensorView& view = tensor(name);
    HADAL_CHECK(view.shape.size() == 2);
    WeightMatrix weight{.format = format_of(view),
                        .data = view.data,
                        .out_features = static_cast<int>(view.shape[0]),
                        .in_features = static_cast<int>(view.shape[1])};
    if (weight.format == WeightFormat::kFp4) weight.in_features *= 2;
    return weight;
  }

  // A float32 copy of a BF16 or F32 tensor.
  std::vector<float> values(const std::string& name) const {
    const TensorView& view = tensor(name);
    size_t count = 1;
    for (const int64_t extent : view.shape) count *= static_cast<size_t>(extent);
    std::vector<float> out(count);
    for (size_t i = 0; i < count; ++i) {
      out[i] = view.dtype == DType::kBf16
                   ? bf16_decode(load_unaligned<uint16_t>(view.data + i * sizeof(uint16_t)))
                   : load_unaligned<float>(view.data + i * sizeof(float));
    }
    return out;
  }

  const TensorView& tensor(const std::string& name) const {
    return checkpoint_.tensor(prefix_ + name);
  }

  std::string full_name(const std::string& name) const { return prefix_ + name; }

 private:
  const Checkpoint& checkpoint_;
  std::string prefix_;
};

HyperWeights bind_hyper(const Binder& bind, const std::string& name) {
  return {.fn = bind.matrix(name + "_fn"),
          .base = bind.values(name + "_base"),
          .scale = bind.values(name + "_scale")};
}

CompressorWeights bind_compressor(const Binder& bind) {
  return {.wkv = bind.linear("wkv"),
          .wgate = bind.linear("wgate"),
          .ape = bind.values("ape"),
          .norm = bind.values("norm.weight")};
}

AttentionWeights bind_attention(const Binder& bind, LayerKind kind) {
  AttentionWeights attention{.wq_a = bind.linear("wq_a"),
                             .wq_b = bind.linear("wq_b"),
                             .wkv = bind.linear("wkv"),
                             .wo_a = bind.linear("wo_a"),
                             .wo_b = bind.linear("wo_b"),
                             .q_norm = bind.values("q_norm.weight"),
                             .kv_norm = bind.values("kv_norm.weight"),
                             .sink = bind.values("attn_sink"),
                             .compressor = {},
                             .indexer = {}};
  if (kind != LayerKind::kWindow) attention.compressor = bind_compressor(bind.sub("compressor."));
  if (kind == LayerKind::kCsa) {
    attention.indexer = {.wq_b = bind.linear("indexer.wq_b"),
                         .weights_proj = bind.linear("indexer.weights_proj"),
                         .compressor = bind_compressor(bind.sub("indexer.compressor."))};
  }
  return attention;
}

ExpertWeights bind_expert(const Binder& bind) {
  return {.w1 = bind.linear("w1"), .w3 = bind.linear("w3"), .w2 = bind.linear("w2")};
}

// Expert ids of the hash table index the experts: checked here, once, and not in every step.
const std::byte* bind_hash_table(const Binder& bind, const ModelConfig& config) {
  const TensorView& table = bind.tensor("gate.tid2eid");
  const size_t count =
      static_cast<size_t>(config.vocab_size) * static_cast<size_t>(config.experts_per_token);
  for (size_t i = 0; i < count; ++i) {
    const auto expert = load_unaligned<int64_t>(table.data + i * sizeof(int64_t));
    if (expert < 0 || expert >= config.routed_experts) {
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = bind.full_name("gate.tid2eid"),
                   .what = "holds expert " + std::to_string(expert) + " at element " +
                           std::to_string(i) + ", but there are " +
                           std::to_string(config.routed_experts) + " experts",
                   .remedy = "fetch the checkpoint again"});
    }
  }
  return table.data;
}

MoeWeights bind_moe(const Binder& bind, const ModelConfig& config, bool hashed) {
  MoeWeights moe{.gate = bind.linear("gate"),
                 .bias = {},
                 .hash_table = nullptr,
                 .experts = {},
                 .shared = bind_expert(bind.sub("shared_experts."))};
  if (hashed) {
    moe.hash_table = bind_hash_table(bind, config);
  } else {
    moe.bias = bind.values("gate.bias");
  }
  for (int e = 0; e < config.routed_experts; ++e) {
    moe.experts.push_back(bind_expert(bind.sub("experts." + std::to_string(e) + ".")));
  }
  return moe;
}

LayerWeights bind_layer(const Binder& bind, const ModelConfig& config, LayerKind kind,
                        bool hashed) {
  return {.kind = kind,
          .hc_attn = bind_hyper(bind, "hc_attn"),
          .hc_ffn = bind_hyper(bind, "hc_ffn"),
          .attn_norm = bind.values("attn_norm.weight"),
          .ffn_norm = bind.values("ffn_norm.weight"),
          .attention = bind_attention(bind.sub("attn."), kind),
          .moe = bind_moe(bind.sub("ffn."), config, hashed)};
}

HeadWeights bind_head(const Binder& bind) {
  return {.hc_head = bind_hyper(bind, "hc_head"), .norm = bind.values("norm.weight")};
}

std::unique_ptr<DsparkWeights> bind_dspark(const Binder& root, const ModelConfig& config) {
  const int stages = config.usable_stages();
  const auto stage = [&](int index) { return root.sub("mtp." + std::to_string(index) + "."); };
  const Binder first = stage(0);
  const Binder last = stage(stages - 1);
  auto dspark = std::make_unique<DsparkWeights>(
      DsparkWeights{.main_proj = first.linear("main_proj"),
                    .main_norm = first.values("main_norm.weight"),
                    .stages = {},
                    .head = bind_head(last),
                    .markov_w1 = last.linear("markov_head.markov_w1"),
                    .markov_w2 = last.linear("markov_head.markov_w2"),
                    .confidence = last.linear("confidence_head.proj")});
  for (int index = 0; index < stages; ++index) {
    dspark->stages.push_back(bind_layer(stage(index), config, LayerKind::kWindow, false));
  }
  return dspark;
}

}  // namespace

ModelWeights bind_weights(const Checkpoint& checkpoint) {
  const ModelConfig& config = checkpoint.config();
  const Binder root(checkpoint, "");
  ModelWeights weights{.embedding = root.linear("embed"),
                       .output = root.linear("head"),
                       .draft_output = root.linear("head"),
                       .layers = {},
                       .head = bind_head(root),
                       .mtp = nullptr,
                       .dspark = nullptr};
  for (int layer = 0; layer < config.layers; ++layer) {
    weights.layers.push_back(bind_layer(root.sub("layers." + std::to_string(layer) + "."), config,
                                        config.layer_kinds[static_cast<size_t>(layer)],
                                        layer < config.hash_layers));
  }
  if (config.drafter == DrafterKind::kMtp) {
    const Binder bind = root.sub("mtp.0.");
    weights.mtp = std::make_unique<MtpWeights>(
        MtpWeights{.e_proj = bind.linear("e_proj"),
                   .h_proj = bind.linear("h_proj"),
                   .enorm = bind.values("enorm.weight"),
                   .hnorm = bind.values("hnorm.weight"),
                   .layer = bind_layer(bind, config, LayerKind::kWindow, false),
                   .head = bind_head(bind)});
  }
  if (config.drafter == DrafterKind::kDspark && config.usable_stages() > 0) {
    weights.dspark = bind_dspark(root, config);
  }
  return weights;
}

}  // namespace hadal
