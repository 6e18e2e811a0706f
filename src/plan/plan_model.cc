#include "plan/plan_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/suggest.h"
#include "checkpoint/v4/config_presets.h"
#include "checkpoint/v4/memory_needs.h"

namespace hadal {
namespace {

// DeepSeek-V4.1-Flash (paper, September 2026): an encoder of 20 layers, a decoder of 20 whose keys
// come from the encoder's output; four layers keep keys (three at ratio 2, one at 1), eight score
// them. The entries are FP4 (288 bytes with index keys of 68), 890 bytes a token in all. A prompt
// passes the encoder alone.
PlanModel v41_flash() {
  PlanModel model = plan_model(preset_config("flash"), "v4.1-flash");
  model.hidden = 5120;
  model.q_rank = 1280;
  model.index_heads = 32;
  model.experts = 384;
  model.expert_width = 2304;
  model.hash_layers = 0;
  model.groups = {{.layers = 2, .window = 128, .entry_bytes = 528},
                  {.layers = 18,
                   .window = 128,
                   .ratio = 2,
                   .topk = 512,
                   .owned = 3.0 / 18,
                   .scored = 3.0 / 18,
                   .entry_bytes = 288,
                   .key_bytes = 68,
                   .compressor_width = 1024.0 * 3 / 18},
                  {.layers = 20,
                   .window = 128,
                   .ratio = 1,
                   .topk = 512,
                   .owned = 1.0 / 20,
                   .scored = 1.0 / 20,
                   .entry_bytes = 288,
                   .key_bytes = 68,
                   .compressor_width = 1024.0 / 20}};
  model.prefill_layers = 0.5;
  use_dspark(model);
  model.drafter_experts = 128;
  model.drafter_topk = 3;
  return model;
}

// DeepSeek-V3.2: latent attention (512 + 64), an indexer that keeps 2,048 of all tokens.
PlanModel v32() {
  return {.name = "v3.2",
          .hidden = 7168,
          .vocab = 129280,
          .heads = 128,
          .head_dim = 576,
          .value_dim = 512,
          .q_rank = 1536,
          .kv_width = 576,
          .index_heads = 64,
          .index_dim = 128,
          .experts = 256,
          .shared_experts = 1,
          .topk_experts = 8,
          .expert_width = 2048,
          .groups = {{.layers = 61,
                      .ratio = 1,
                      .topk = 2048,
                      .entry_bytes = 656,
                      .key_bytes = 132,
                      .compressor_width = 128}},
          .drafter = DrafterKind::kMtp,
          .drafter_layers = 1,
          .drafter_experts = 256,
          .drafter_topk = 8};
}

// The same model without the indexer (V3), and with grouped keys of eight heads of 128 in BF16.
PlanModel mla() {
  PlanModel model = v32();
  model.name = "mla";
  model.groups = {{.layers = 61, .ratio = 1, .entry_bytes = 656}};
  model.index_heads = 0;
  return model;
}

PlanModel gqa() {
  PlanModel model = mla();
  model.name = "gqa";
  model.head_dim = 128;
  model.value_dim = 128;
  model.kv_width = 2048;
  model.groups = {{.layers = 61, .ratio = 1, .entry_bytes = 4096}};
  return model;
}

}  // namespace

int PlanModel::layers() const {
  int all = 0;
  for (const AttentionGroup& group : groups) all += group.layers;
  return all;
}

double PlanModel::kv_bytes_per_token() const {
  double bytes = 0;
  for (const AttentionGroup& group : groups) {
    if (group.ratio > 0) {
      bytes += group.layers * group.owned * (group.entry_bytes + group.key_bytes) / group.ratio;
    }
  }
  return bytes;
}

double PlanModel::sequence_state_bytes() const {
  double bytes = 0;
  for (const AttentionGroup& group : groups) {
    bytes += static_cast<double>(group.layers) * group.window * group.entry_bytes;
  }
  return bytes;
}

double PlanModel::sequence_bytes(double tokens) const {
  return tokens * kv_bytes_per_token() + sequence_state_bytes();
}

PlanModel plan_model(const ModelConfig& config, std::string name) {
  PlanModel model{.name = std::move(name),
                  .hidden = config.hidden_size,
                  .vocab = config.vocab_size,
                  .heads = config.heads,
                  .head_dim = static_cast<double>(config.head_dim),
                  .value_dim = static_cast<double>(config.head_dim),
                  .q_rank = config.q_lora_rank,
                  .kv_width = static_cast<double>(config.head_dim),
                  .o_groups = config.o_groups,
                  .o_rank = config.o_lora_rank,
                  .index_heads = config.index_heads,
                  .index_dim = config.index_head_dim,
                  .experts = config.routed_experts,
                  .shared_experts = config.shared_experts,
                  .topk_experts = config.experts_per_token,
                  .expert_width = config.expert_width,
                  .hash_layers = config.hash_layers,
                  .streams = config.hc_mult,
                  .drafter = config.drafter,
                  .drafter_layers = config.drafter_stages,
                  .drafter_experts = config.routed_experts,
                  .drafter_topk = config.experts_per_token};
  const auto entry = static_cast<double>(kv_entry_bytes(config));
  const auto key = static_cast<double>(index_key_bytes(config));
  for (const LayerKind kind : {LayerKind::kWindow, LayerKind::kCsa, LayerKind::kHca}) {
    AttentionGroup group{.layers = config.count(kind),
                         .window = config.window,
                         .ratio = static_cast<double>(compress_ratio(kind)),
                         .entry_bytes = entry};
    if (group.layers == 0) continue;
    if (kind == LayerKind::kCsa) {
      group.topk = config.index_topk;
      group.key_bytes = key;
      group.compressor_width = 4.0 * (config.head_dim + config.index_head_dim);
    } else if (kind == LayerKind::kHca) {
      group.compressor_width = 2.0 * config.head_dim;
    }
    model.groups.push_back(group);
  }
  return model;
}

std::vector<std::string> plan_model_names() {
  return {"pro", "flash", "v4.1-flash", "v3.2", "mla", "gqa"};
}

PlanModel load_plan_model(const std::string& name) {
  if (name == "pro" || name == "flash") return plan_model(preset_config(name), name);
  if (name == "v4.1-flash") return v41_flash();
  if (name == "v3.2") return v32();
  if (name == "mla") return mla();
  if (name == "gqa") return gqa();
  std::error_code ignored;
  if (std::filesystem::exists(name, ignored)) return plan_model(load_config(name), name);
  const std::string meant = nearest(name, plan_model_names());
  throw Error({.code = ErrorCode::kNotFound,
               .where = "--model",
               .what = "'" + printable(name) + "' is neither a known model nor a directory",
               .remedy = meant.empty() ? "use pro, flash, v4.1-flash, v3.2, mla, gqa, or the "
                                         "directory of a checkpoint or of its config.json"
                                       : "did you mean " + meant + "?"});
}

ParameterBytes parameter_bytes(std::string_view precision) {
  if (precision.find("fp8") != std::string_view::npos &&
      precision.find("fp4") == std::string_view::npos) {
    return {.experts = 1.0, .dense = 1.0};
  }
  if (precision.starts_with("2-bit") || precision == "q2") return {.experts = 0.29, .dense = 1.06};
  if (precision.starts_with("2- to 4-bit")) return {.experts = 0.4, .dense = 1.06};
  if (precision.starts_with("iq1")) return {.experts = 0.22, .dense = 0.7};
  return {};
}

void use_dspark(PlanModel& model) {
  if (model.drafter == DrafterKind::kDspark) return;
  model.drafter = DrafterKind::kDspark;
  model.drafter_layers = 3;
}

AttentionGroup drafter_layer() { return {.layers = 1, .window = 128, .entry_bytes = 584}; }

LayerColumns layer_columns(const PlanModel& model, const AttentionGroup& group) {
  const double d = model.hidden;
  const double query = model.heads * model.head_dim;
  const double output = model.heads * model.value_dim;
  LayerColumns columns;
  columns.fp8_whole = d * model.q_rank + d * model.kv_width;
  columns.fp8_split = model.q_rank > 0 ? model.q_rank * query : d * query;
  if (model.o_rank > 0) {
    columns.fp8_split += d * model.o_groups * model.o_rank;
    // Stored in FP8; the reference widens it, engines run it as a grouped FP8 product.
    columns.fp8_split += output * model.o_rank;
  } else {
    columns.fp8_split += output * d;
  }
  columns.fp8_split += 3 * d * model.expert_width * model.shared_experts;
  columns.wide_whole = d * model.experts + d * group.compressor_width;
  if (model.streams > 1) columns.wide_whole += 2 * 24.0 * model.streams * d;
  if (group.topk > 0) {
    columns.fp8_split += group.scored * model.q_rank * model.index_heads * model.index_dim;
    columns.wide_split += group.scored * d * model.index_heads;
  }
  return columns;
}

ModelBytes model_bytes(const PlanModel& model, const ParameterBytes& bytes) {
  constexpr double kWide = 2;  // in most engines
  const auto layer_bytes = [&](const AttentionGroup& group) {
    const LayerColumns columns = layer_columns(model, group);
    return (columns.fp8_split + columns.fp8_whole) * bytes.dense +
           kWide * (columns.wide_split + columns.wide_whole);
  };
  const double expert = 3.0 * model.hidden * model.expert_width * bytes.experts;
  ModelBytes all{.experts = expert * model.experts * model.layers(),
                 .ends = 2 * kWide * model.hidden * model.vocab,
                 .drafter = model.drafter_layers *
                            (expert * model.drafter_experts + layer_bytes(drafter_layer()))};
  for (const AttentionGroup& group : model.groups) all.dense += group.layers * layer_bytes(group);
  return all;
}

double distinct_experts(double rows, int experts, int picked, double skew) {
  if (experts <= 0 || rows <= 0) return 0;
  const double share = static_cast<double>(picked) / experts;
  if (skew <= 0) return experts * (1 - std::pow(1 - std::min(share, 1.0), rows));
  // The popularity curve in strips: x^-skew over (0, 1], whose mean is 1 / (1 - skew).
  constexpr int kStrips = 16;
  double used = 0;
  for (int i = 0; i < kStrips; ++i) {
    const double from = static_cast<double>(i) / kStrips;
    const double to = static_cast<double>(i + 1) / kStrips;
    const double mass = std::pow(to, 1 - skew) - std::pow(from, 1 - skew);
    const double probability = std::min(1.0, share * mass * kStrips);
    used += (1 - std::pow(1 - probability, rows)) * experts / kStrips;
  }
  return used;
}

}  // namespace hadal
