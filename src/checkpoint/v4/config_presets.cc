#include "checkpoint/v4/config_presets.h"

#include "base/error.h"

namespace hadal {
namespace {

// `first` kinds, then CSA and HCA in turn until there are `layers`.
std::vector<LayerKind> alternating(std::vector<LayerKind> first, int layers) {
  for (LayerKind next = LayerKind::kCsa; first.size() < static_cast<size_t>(layers);) {
    first.push_back(next);
    next = next == LayerKind::kCsa ? LayerKind::kHca : LayerKind::kCsa;
  }
  return first;
}

ModelConfig flash() {
  return {.layers = 43,
          .hidden_size = 4096,
          .vocab_size = 129280,
          .max_positions = 1048576,
          .bos_token = 0,
          .eos_token = 1,
          .heads = 64,
          .head_dim = 512,
          .rope_dim = 64,
          .q_lora_rank = 1024,
          .o_groups = 8,
          .o_lora_rank = 1024,
          .window = 128,
          .index_heads = 64,
          .index_head_dim = 128,
          .index_topk = 512,
          .routed_experts = 256,
          .shared_experts = 1,
          .experts_per_token = 6,
          .expert_width = 2048,
          .hash_layers = 3,
          .routed_scaling_factor = 1.5F,
          .swiglu_limit = 10,
          .hc_mult = 4,
          .hc_sinkhorn_iters = 20,
          .hc_eps = 1e-6F,
          .rms_eps = 1e-6F,
          .rope_theta = 10000,
          .compress_rope_theta = 160000,
          .yarn = {.factor = 16, .original_positions = 65536, .beta_fast = 32, .beta_slow = 1},
          .layer_kinds = alternating({LayerKind::kWindow, LayerKind::kWindow}, 43),
          .drafter = DrafterKind::kMtp,
          .drafter_stages = 1};
}

ModelConfig pro() {
  ModelConfig config = flash();
  config.layers = 61;
  config.hidden_size = 7168;
  config.heads = 128;
  config.q_lora_rank = 1536;
  config.o_groups = 16;
  config.index_topk = 1024;
  config.routed_experts = 384;
  config.expert_width = 3072;
  config.routed_scaling_factor = 2.5F;
  config.layer_kinds = alternating({LayerKind::kHca, LayerKind::kHca}, 61);
  return config;
}

ModelConfig pico() {
  ModelConfig config = flash();
  config.layers = 5;
  config.hidden_size = 256;
  config.vocab_size = 512;
  config.heads = 4;
  config.head_dim = 128;
  config.q_lora_rank = 128;
  config.o_groups = 2;
  config.o_lora_rank = 128;
  config.index_heads = 4;
  config.index_topk = 16;
  config.routed_experts = 8;
  config.experts_per_token = 2;
  config.expert_width = 128;
  config.hash_layers = 1;
  config.layer_kinds = {LayerKind::kWindow, LayerKind::kHca, LayerKind::kCsa, LayerKind::kHca,
                        LayerKind::kCsa};
  return config;
}

}  // namespace

std::vector<std::string> preset_names() { return {"pico", "flash", "pro"}; }

ModelConfig preset_config(std::string_view name) {
  if (name == "pico") return pico();
  if (name == "flash") return flash();
  if (name == "pro") return pro();
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "preset",
               .what = "there is no preset '" + printable(name, 64) + "'",
               .remedy = "choose one of pico, flash, pro"});
}

}  // namespace hadal
