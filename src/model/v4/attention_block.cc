#include "model/v4/attention_block.h"

#include <cmath>
#include <optional>

#include "base/as_size.h"
#include "model/v4/compression.h"
#include "ops/attention.h"
#include "ops/indexer.h"
#include "ops/kv_entry.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "ops/rope.h"
#include "ops/row_loop.h"
#include "ops/rows.h"

namespace hadal {
namespace {

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

// The normalised latent that all queries are projected from, [rows, q_lora_rank].
LinearInput project_query_latent(BlockContext& block, const AttentionWeights& weights,
                                 const LinearInput& input) {
  const ModelConfig& config = block.config;
  const int rows = block.plan.rows;
  WorkBuffers& buffers = block.buffers;
  float* const latent = buffers.q_latent;
  plain_linear(block, weights.wq_a, input, latent);
  const RmsNormArgs norm{.x = latent,
                         .weight = weights.q_norm.data(),
                         .out = latent,
                         .rows = rows,
                         .columns = config.q_lora_rank,
                         .eps = config.rms_eps};
  const LinearInput q_input =
      buffers.q_input.place(block.ops, block.options.activations, latent, rows, config.q_lora_rank);
  ops::for_rows(block.ops, {.op = "q_norm", .rows = rows, .row_floats = 2 * config.q_lora_rank},
                [&](OpContext& own, RowRange range) {
                  ops::rms_norm(own, rows_of(norm, range));
                  buffers.q_input.fill(own, range);
                });
  return q_input;
}

// The queries of the indexer of a CSA layer and what their heads weigh, made from what linears
// gave.
struct IndexQueries {
  RopeArgs rope;
  HadamardArgs hadamard;
  ScaleArgs scale;  // of the head weights, [rows, index_heads]
  int heads = 0;

  void finish(OpContext& ops, RowRange range) const {
    ops::rope(ops, rows_of(rope, range));
    ops::hadamard(ops, rows_of(hadamard, range.each_of(heads)));
    ops::scale(ops, rows_of(scale, range));
  }
};

IndexQueries project_index_queries(BlockContext& block, const IndexerWeights& weights,
                                   const float* x, const LinearInput& q_input) {
  const ModelConfig& config = block.config;
  const int rows = block.plan.rows;
  const int heads = config.index_heads;
  const int dim = config.index_head_dim;
  float* const q = block.buffers.index_q;
  plain_linear(block, weights.wq_b, q_input, q);
  float* const head_weights = block.buffers.index_weights;
  plain_linear(block, weights.weights_proj, {.x = x}, head_weights);
  return {.rope = {.x = q,
                   .turns = block.buffers.compressed_turns,
                   .rows = rows,
                   .heads = heads,
                   .head_dim = dim,
                   .rope_dim = config.rope_dim},
          .hadamard = {.x = q, .rows = rows * heads, .dim = dim, .round_to_fp4 = true},
          .scale = {.x = head_weights,
                    .rows = rows,
                    .columns = heads,
                    .factor = 1.0F / std::sqrt(static_cast<float>(dim)) /
                              std::sqrt(static_cast<float>(heads))},
          .heads = heads};
}

// The keys of the step's rows, made from what a linear gave.
struct WindowKeys {
  RmsNormArgs norm;
  RopeArgs rope;
  EncodeKvArgs encode;

  void finish(OpContext& ops, RowRange range) const {
    ops::rms_norm(ops, rows_of(norm, range));
    ops::rope(ops, rows_of(rope, range));
    ops::encode_kv(ops, rows_of(encode, range));
  }
};

WindowKeys project_window_keys(BlockContext& block, int layer, const AttentionWeights& weights,
                               const LinearInput& input, const float* turns) {
  const ModelConfig& config = block.config;
  const int rows = block.plan.rows;
  float* const kv = block.buffers.kv;
  plain_linear(block, weights.wkv, input, kv);
  const LayerStep& layer_step = block.step.layers[as_size(layer)];
  return {.norm = {.x = kv,
                   .weight = weights.kv_norm.data(),
                   .out = kv,
                   .rows = rows,
                   .columns = config.head_dim,
                   .eps = config.rms_eps},
          .rope = {.x = kv,
                   .turns = turns,
                   .rows = rows,
                   .heads = 1,
                   .head_dim = config.head_dim,
                   .rope_dim = config.rope_dim},
          .encode = {.x = kv,
                     .format = block.layout.entry,
                     .data = layer_step.window_data,
                     .scales = layer_step.window_scales,
                     .rows = rows}};
}

// Chooses compressed entries for every row of a CSA layer: [rows, index_topk].
const int32_t* choose_entries(BlockContext& block, const IndexQueries& queries, const LayerKv& kv) {
  const int topk = block.config.index_topk;
  int32_t* const chosen = block.buffers.chosen;
  ops::choose_entries(block.ops, {.q = queries.rope.x,
                                  .weights = queries.scale.x,
                                  .kv = kv,
                                  .chosen = chosen,
                                  .heads = queries.heads,
                                  .topk = topk});
  return chosen;
}

// o [rows, heads, head_dim], its int8 form if it has one, through the grouped low-rank output
// projection.
void project_output(BlockContext& block, const AttentionWeights& weights, const float* o,
                    const Int8Rows& o_int8, float* out) {
  const ModelConfig& config = block.config;
  const int rows = block.plan.rows;
  const int group_inputs = config.heads_per_group() * config.head_dim;
  const int latent_width = config.o_groups * config.o_lora_rank;
  float* const latent = block.buffers.output_latent;
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

void window_keys(BlockContext& block, int layer, const AttentionWeights& weights,
                 const LinearInput& input) {
  const WindowKeys keys =
      project_window_keys(block, layer, weights, input, block.buffers.window_turns);
  ops::for_rows(
      block.ops,
      {.op = "window_keys", .rows = block.plan.rows, .row_floats = 4 * block.config.head_dim},
      [&](OpContext& own, RowRange range) { keys.finish(own, range); });
}

void attention_block(BlockContext& block, int layer, const LayerWeights& layer_weights,
                     const float* x, const LinearInput& input, float* out) {
  const ModelConfig& config = block.config;
  const AttentionWeights& weights = layer_weights.attention;
  const LayerKind kind = layer_weights.kind;
  const StepPlan& plan = block.plan;
  const int rows = plan.rows;
  WorkBuffers& buffers = block.buffers;
  LayerStep& layer_step = block.step.layers[as_size(layer)];

  const LinearInput q_input = project_query_latent(block, weights, input);
  float* const q = buffers.q;
  plain_linear(block, weights.wq_b, q_input, q);
  const float* const turns =
      kind == LayerKind::kWindow ? buffers.window_turns : buffers.compressed_turns;
  const WindowKeys keys = project_window_keys(block, layer, weights, input, turns);
  const CompressorRows compressor_rows = project_compressors(block, layer, kind, weights, x);
  std::optional<IndexQueries> index_queries;
  if (kind == LayerKind::kCsa) {
    index_queries = project_index_queries(block, weights.indexer, x, q_input);
  }

  const RmsNormArgs q_norm{.x = q,
                           .out = q,
                           .rows = rows * config.heads,
                           .columns = config.head_dim,
                           .eps = config.rms_eps};
  const RopeArgs q_rope{.x = q,
                        .turns = turns,
                        .rows = rows,
                        .heads = config.heads,
                        .head_dim = config.head_dim,
                        .rope_dim = config.rope_dim};
  ops::for_rows(block.ops,
                {.op = "queries_and_keys",
                 .rows = rows,
                 .row_floats = 2 * (config.heads + 1) * config.head_dim},
                [&](OpContext& own, RowRange range) {
                  ops::rms_norm(own, rows_of(q_norm, range.each_of(config.heads)));
                  ops::rope(own, rows_of(q_rope, range));
                  keys.finish(own, range);
                  compressor_rows.finish(own, range);
                  if (index_queries) index_queries->finish(own, range);
                });

  if (kind == LayerKind::kCsa) compress_csa(block, layer, weights, compressor_rows);
  if (kind == LayerKind::kHca) compress_hca(block, layer, weights, compressor_rows);
  const LayerKv layer_kv = layer_kv_view({.layout = block.layout,
                                          .plan = plan,
                                          .pool = block.pool,
                                          .step = layer_step,
                                          .layer = layer,
                                          .kind = kind});
  const int32_t* chosen = nullptr;
  if (index_queries) {
    chosen = choose_entries(block, *index_queries, layer_kv);
    if (block.observer.on_indexer) {
      block.observer.on_indexer(layer, {chosen, as_size(rows) * as_size(config.index_topk)});
    }
  }

  float* const o = buffers.attention_out;
  const AttendArgs attend{.q = q,
                          .sink = weights.sink.data(),
                          .kv = layer_kv,
                          .chosen = chosen,
                          .topk = config.index_topk,
                          .out = o,
                          .heads = config.heads,
                          .scale = 1.0F / std::sqrt(static_cast<float>(config.head_dim))};
  RopeArgs o_rope = q_rope;
  o_rope.x = o;
  o_rope.direction = RopeDirection::kInverse;
  // The model never rounds this input to FP8; only the int8 policy quantises it.
  const bool int8 = block.options.activations == ActivationPolicy::kInt8;
  const LinearInput o_input = buffers.attention_input.place(
      block.ops, int8 ? ActivationPolicy::kInt8 : ActivationPolicy::kNone, o, rows,
      config.heads * config.head_dim);
  const auto attend_rows = [&](OpContext& ops, RowRange range) {
    ops::attend(ops, rows_of(attend, range));
    ops::rope(ops, rows_of(o_rope, range));
    buffers.attention_input.fill(ops, range);
  };
  // Few rows are shared out by their heads, within attend.
  if (rows < 2 * block.ops.threads().threads()) {
    attend_rows(block.ops, {.end = rows});
  } else {
    ops::for_rows(block.ops, {.op = "attend", .rows = rows, .row_floats = RowLoop::kRowByRow},
                  attend_rows);
  }
  project_output(block, weights, o, o_input.int8, out);
}

}  // namespace hadal
