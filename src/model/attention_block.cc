#include "model/attention_block.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/compression.h"
#include "ops/attention.h"
#include "ops/indexer.h"
#include "ops/kv_entry.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "ops/rope.h"

namespace hadal {
namespace {

size_t as_size(int value) { return static_cast<size_t>(value); }

void plain_linear(BlockContext& block, const WeightMatrix& weight, const LinearInput& input,
                  float* out) {
  ops::linear(block.ops, {.x = input.x,
                          .weight = weight,
                          .out = out,
                          .rows = block.plan.rows,
                          .x_stride = as_size(weight.in_features),
                          .out_stride = as_size(weight.out_features),
                          .x_int8 = input.int8,
                          .x_bf16 = input.bf16});
}

// Chooses compressed entries for every row of a CSA layer: [rows, index_topk].
const int32_t* choose_entries(BlockContext& block, const AttentionWeights& weights,
                              const LayerKv& kv, const float* x, const LinearInput& q_input) {
  const ModelConfig& config = block.config;
  const int rows = block.plan.rows;
  BlockBuffers& buffers = block.buffers;
  const int query_floats = config.index_heads * config.index_head_dim;
  float* q = buffers.index_q_or_attention_out.at_least(as_size(rows) * as_size(query_floats));
  plain_linear(block, weights.indexer.wq_b, q_input, q);
  ops::rope(block.ops, {.x = q,
                        .positions = block.plan.positions.data(),
                        .frequencies = block.compressed_frequencies,
                        .rows = rows,
                        .heads = config.index_heads,
                        .head_dim = config.index_head_dim,
                        .rope_dim = config.rope_dim});
  ops::hadamard(block.ops, {.x = q,
                            .rows = rows * config.index_heads,
                            .dim = config.index_head_dim,
                            .round_to_fp4 = true});
  float* head_weights = buffers.index_weights.at_least(as_size(rows) * as_size(config.index_heads));
  plain_linear(block, weights.indexer.weights_proj, {.x = x}, head_weights);
  const float factor = 1.0F / std::sqrt(static_cast<float>(config.index_head_dim)) /
                       std::sqrt(static_cast<float>(config.index_heads));
  std::for_each_n(head_weights, rows * config.index_heads, [=](float& w) { w *= factor; });
  int32_t* chosen = buffers.chosen.at_least(as_size(rows) * as_size(config.index_topk));
  ops::choose_entries(block.ops, {.q = q,
                                  .weights = head_weights,
                                  .kv = kv,
                                  .chosen = chosen,
                                  .heads = config.index_heads,
                                  .topk = config.index_topk});
  return chosen;
}

// o [rows, heads, head_dim] through the grouped low-rank output projection.
void project_output(BlockContext& block, const AttentionWeights& weights, const float* o,
                    float* out) {
  const ModelConfig& config = block.config;
  const int rows = block.plan.rows;
  const int group_inputs = config.heads_per_group() * config.head_dim;
  const int latent_width = config.o_groups * config.o_lora_rank;
  // The model never rounds this input to FP8; only the int8 policy quantises it.
  const bool int8 = block.options.activations == ActivationPolicy::kInt8;
  const Int8Rows o_int8 =
      block.buffers.attention_input
          .prepare(block.ops, int8 ? ActivationPolicy::kInt8 : ActivationPolicy::kNone, o, rows,
                   config.o_groups * group_inputs)
          .int8;
  float* latent = block.buffers.output_latent.at_least(as_size(rows) * as_size(latent_width));
  for (int group = 0; group < config.o_groups; ++group) {
    ops::linear(block.ops,
                {.x = o + group * group_inputs,
                 .weight = row_slice(weights.wo_a, group * config.o_lora_rank, config.o_lora_rank),
                 .out = latent + group * config.o_lora_rank,
                 .rows = rows,
                 .x_stride = as_size(config.o_groups * group_inputs),
                 .out_stride = as_size(latent_width),
                 .x_int8 = columns_from(o_int8, group * group_inputs)});
  }
  const LinearInput latent_input = block.buffers.latent_input.prepare(
      block.ops, block.options.activations, latent, rows, latent_width);
  ops::linear(block.ops, {.x = latent_input.x,
                          .weight = weights.wo_b,
                          .out = out,
                          .rows = rows,
                          .x_stride = as_size(latent_width),
                          .out_stride = as_size(config.hidden_size),
                          .x_int8 = latent_input.int8,
                          .x_bf16 = latent_input.bf16,
                          .segments = config.o_groups});
}

}  // namespace

void attention_block(BlockContext& block, int layer, const LayerWeights& layer_weights,
                     const float* x, float* out) {
  const ModelConfig& config = block.config;
  const AttentionWeights& weights = layer_weights.attention;
  const StepPlan& plan = block.plan;
  const int rows = plan.rows;
  BlockBuffers& buffers = block.buffers;
  LayerStep& layer_step = block.step.layers[as_size(layer)];
  const float* frequencies = layer_weights.kind == LayerKind::kWindow
                                 ? block.window_frequencies
                                 : block.compressed_frequencies;

  const LinearInput input =
      buffers.input.prepare(block.ops, block.options.activations, x, rows, config.hidden_size);
  float* q_latent = buffers.q_latent.at_least(as_size(rows) * as_size(config.q_lora_rank));
  plain_linear(block, weights.wq_a, input, q_latent);
  ops::rms_norm(block.ops, {.x = q_latent,
                            .weight = weights.q_norm.data(),
                            .out = q_latent,
                            .rows = rows,
                            .columns = config.q_lora_rank,
                            .eps = config.rms_eps});
  const LinearInput q_input = buffers.q_input.prepare(block.ops, block.options.activations,
                                                      q_latent, rows, config.q_lora_rank);
  const size_t head_floats = as_size(rows) * as_size(config.heads) * as_size(config.head_dim);
  float* q = buffers.q_or_expert_out.at_least(head_floats);
  plain_linear(block, weights.wq_b, q_input, q);
  ops::rms_norm(block.ops, {.x = q,
                            .out = q,
                            .rows = rows * config.heads,
                            .columns = config.head_dim,
                            .eps = config.rms_eps});
  const RopeArgs q_rope{.x = q,
                        .positions = plan.positions.data(),
                        .frequencies = frequencies,
                        .rows = rows,
                        .heads = config.heads,
                        .head_dim = config.head_dim,
                        .rope_dim = config.rope_dim};
  ops::rope(block.ops, q_rope);

  float* kv = buffers.kv.at_least(as_size(rows) * as_size(config.head_dim));
  plain_linear(block, weights.wkv, input, kv);
  ops::rms_norm(block.ops, {.x = kv,
                            .weight = weights.kv_norm.data(),
                            .out = kv,
                            .rows = rows,
                            .columns = config.head_dim,
                            .eps = config.rms_eps});
  RopeArgs kv_rope = q_rope;
  kv_rope.x = kv;
  kv_rope.heads = 1;
  ops::rope(block.ops, kv_rope);
  const KvEntryFormat& format = block.layout.entry;
  ops::encode_kv(block.ops,
                 {.x = kv,
                  .format = format,
                  .data = layer_step.window_data.at_least(as_size(rows) * format.data_bytes()),
                  .scales = layer_step.window_scales.at_least(as_size(rows) * format.scale_bytes()),
                  .rows = rows});

  const int32_t* chosen = nullptr;
  if (layer_weights.kind == LayerKind::kCsa) compress_csa(block, layer, weights, x);
  if (layer_weights.kind == LayerKind::kHca) compress_hca(block, layer, weights, x);
  const LayerKv layer_kv = layer_kv_view(block, layer, layer_weights.kind);
  if (layer_weights.kind == LayerKind::kCsa) {
    chosen = choose_entries(block, weights, layer_kv, x, q_input);
    if (block.observer.on_indexer) {
      block.observer.on_indexer(layer, {chosen, as_size(rows) * as_size(config.index_topk)});
    }
  }

  float* o = buffers.index_q_or_attention_out.at_least(head_floats);
  ops::attend(block.ops, {.q = q,
                          .sink = weights.sink.data(),
                          .kv = layer_kv,
                          .chosen = chosen,
                          .topk = config.index_topk,
                          .out = o,
                          .heads = config.heads,
                          .scale = 1.0F / std::sqrt(static_cast<float>(config.head_dim))});
  RopeArgs o_rope = q_rope;
  o_rope.x = o;
  o_rope.direction = RopeDirection::kInverse;
  ops::rope(block.ops, o_rope);
  project_output(block, weights, o, out);
}

}  // namespace hadal
