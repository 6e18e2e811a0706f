#include "model/v4/compression.h"

#include "base/as_size.h"
#include "ops/compressor.h"
#include "ops/indexer.h"
#include "ops/kv_entry.h"
#include "ops/norm.h"
#include "ops/rope.h"
#include "ops/row_loop.h"

namespace hadal {
namespace {

// One compressor: where its weights are and how wide its entries are.
struct Compressor {
  const CompressorWeights& weights;
  int channels;  // of an entry
  int width;     // of its projections: 2 · channels with overlap (CSA)
  int ratio;
};

// out[row] = [kv width][z width], z without its position bias.
ProjectedRows project_rows(BlockContext& block, const Compressor& compressor, const float* x,
                           float* out) {
  const StepPlan& plan = block.plan;
  const size_t stride = 2 * as_size(compressor.width);
  LinearArgs args{.x = x,
                  .weight = compressor.weights.wkv,
                  .out = out,
                  .rows = plan.rows,
                  .x_stride = as_size(block.config.hidden_size),
                  .out_stride = stride};
  ops::linear(block.ops, args);
  args.weight = compressor.weights.wgate;
  args.out = out + compressor.width;
  ops::linear(block.ops, args);
  return {.rows = out,
          .row_floats = stride,
          .bias = {.z = out + compressor.width,
                   .ape = compressor.weights.ape.data(),
                   .positions = plan.positions.data(),
                   .rows = plan.rows,
                   .width = compressor.width,
                   .stride = stride,
                   .ratio = compressor.ratio}};
}

// Norm and RoPE at each group's first token, in place, then `encode(own, range)`; pooled [groups,
// channels].
template <typename Encode>
void finish_entries(BlockContext& block, const Compressor& compressor,
                    const CompressionPlan& compression, float* pooled, const Encode& encode) {
  const int groups = static_cast<int>(compression.groups.size());
  const RmsNormArgs norm{.x = pooled,
                         .weight = compressor.weights.norm.data(),
                         .out = pooled,
                         .rows = groups,
                         .columns = compressor.channels,
                         .eps = block.config.rms_eps};
  const RopeArgs rope{.x = pooled,
                      .turns = compression.ratio == kCsaRatio ? block.buffers.csa_group_turns
                                                              : block.buffers.hca_group_turns,
                      .rows = groups,
                      .heads = 1,
                      .head_dim = compressor.channels,
                      .rope_dim = block.config.rope_dim};
  ops::for_rows(block.ops,
                {.op = "encode_entries", .rows = groups, .row_floats = 4 * compressor.channels},
                [&](OpContext& own, RowRange range) {
                  ops::rms_norm(own, rows_of(norm, range));
                  ops::rope(own, rows_of(rope, range));
                  encode(own, range);
                });
}

void finish_main_entries(BlockContext& block, const Compressor& compressor,
                         const CompressionPlan& compression, LayerStep& layer_step, float* pooled) {
  const int groups = static_cast<int>(compression.groups.size());
  const KvEntryFormat& format = block.layout.entry;
  const EncodeKvArgs encode{.x = pooled,
                            .format = format,
                            .data = layer_step.group_data,
                            .scales = layer_step.group_scales,
                            .rows = groups};
  finish_entries(block, compressor, compression, pooled, [&](OpContext& own, RowRange range) {
    ops::encode_kv(own, rows_of(encode, range));
  });
}

void finish_index_keys(BlockContext& block, const Compressor& compressor,
                       const CompressionPlan& compression, LayerStep& layer_step, float* pooled) {
  const int groups = static_cast<int>(compression.groups.size());
  const IndexKeyFormat& format = block.layout.index_key;
  const HadamardArgs hadamard{.x = pooled, .rows = groups, .dim = compressor.channels};
  const EncodeIndexKeyArgs encode{.x = pooled,
                                  .format = format,
                                  .data = layer_step.group_keys,
                                  .scales = layer_step.group_key_scales,
                                  .rows = groups};
  finish_entries(block, compressor, compression, pooled, [&](OpContext& own, RowRange range) {
    ops::hadamard(own, rows_of(hadamard, range));
    ops::encode_index_key(own, rows_of(encode, range));
  });
}

CompressorState state_of(const BlockContext& block, int layer) {
  const LayerStatePart& part = block.layout.state[as_size(layer)];
  return {.pool = block.pool.base,
          .block_bytes = block.pool.block_bytes,
          .unit = part.compressor_unit,
          .offset = part.compressor_offset};
}

Compressor csa_compressor(const ModelConfig& config, const AttentionWeights& weights) {
  return {.weights = weights.compressor,
          .channels = config.head_dim,
          .width = 2 * config.head_dim,
          .ratio = kCsaRatio};
}

Compressor csa_index_compressor(const ModelConfig& config, const AttentionWeights& weights) {
  return {.weights = weights.indexer.compressor,
          .channels = config.index_head_dim,
          .width = 2 * config.index_head_dim,
          .ratio = kCsaRatio};
}

Compressor hca_compressor(const ModelConfig& config, const AttentionWeights& weights) {
  return {.weights = weights.compressor,
          .channels = config.head_dim,
          .width = config.head_dim,
          .ratio = kHcaRatio};
}

}  // namespace

CompressorRows project_compressors(BlockContext& block, int layer, LayerKind kind,
                                   const AttentionWeights& weights, const float* x) {
  CompressorRows result;
  if (kind == LayerKind::kHca) {
    result.main = project_rows(block, hca_compressor(block.config, weights), x,
                               block.buffers.compressor_rows);
  }
  if (kind != LayerKind::kCsa) return result;
  result.main =
      project_rows(block, csa_compressor(block.config, weights), x, block.buffers.compressor_rows);
  result.index =
      project_rows(block, csa_index_compressor(block.config, weights), x, block.buffers.index_rows);
  result.keep = {.plan = &block.plan,
                 .main = result.main.rows,
                 .index = result.index.rows,
                 .main_floats = result.main.row_floats,
                 .index_floats = result.index.row_floats,
                 .tail = block.step.layers[as_size(layer)].csa_tail};
  return result;
}

void CompressorRows::finish(OpContext& ops, RowRange range) const {
  if (main.rows == nullptr) return;
  ops::add_position_bias(ops, rows_of(main.bias, range));
  if (index.rows == nullptr) return;
  ops::add_position_bias(ops, rows_of(index.bias, range));
  KeepTailArgs tail = keep;
  tail.range = range;
  ops::keep_tail(ops, tail);
}

void compress_csa(BlockContext& block, int layer, const AttentionWeights& weights,
                  const CompressorRows& rows) {
  const CompressionPlan& groups = block.plan.compression(kCsaRatio);
  LayerStep& layer_step = block.step.layers[as_size(layer)];
  const Compressor main = csa_compressor(block.config, weights);
  const Compressor index = csa_index_compressor(block.config, weights);
  float* const pooled = block.buffers.pooled;
  CsaPoolArgs pool{.plan = &block.plan,
                   .groups = &groups,
                   .rows = rows.main.rows,
                   .state = state_of(block, layer),
                   .state_stride = rows.main.row_floats + rows.index.row_floats,
                   .out = pooled,
                   .channels = main.channels};
  ops::csa_pool(block.ops, pool);
  finish_main_entries(block, main, groups, layer_step, pooled);

  pool.rows = rows.index.rows;
  pool.state.offset += rows.main.row_floats * sizeof(float);
  pool.channels = index.channels;
  ops::csa_pool(block.ops, pool);
  finish_index_keys(block, index, groups, layer_step, pooled);
}

void compress_hca(BlockContext& block, int layer, const AttentionWeights& weights,
                  const CompressorRows& rows) {
  const CompressionPlan& groups = block.plan.compression(kHcaRatio);
  LayerStep& layer_step = block.step.layers[as_size(layer)];
  const Compressor compressor = hca_compressor(block.config, weights);
  float* const pooled = block.buffers.pooled;
  ops::hca_pool(block.ops, {.plan = &block.plan,
                            .groups = &groups,
                            .rows = rows.main.rows,
                            .state = state_of(block, layer),
                            .out = pooled,
                            .banks = layer_step.hca_banks,
                            .channels = compressor.channels});
  finish_main_entries(block, compressor, groups, layer_step, pooled);
}

LayerKv layer_kv_view(const LayerKvArgs& args) {
  const LayerPagePart& page = args.layout.pages[as_size(args.layer)];
  const LayerStatePart& state = args.layout.state[as_size(args.layer)];
  return {.format = args.layout.entry,
          .key_format = args.layout.index_key,
          .plan = &args.plan,
          .pool = args.pool.base,
          .page_bytes = args.pool.block_bytes,
          .window = args.layout.window,
          .ring_unit = state.ring_unit,
          .ring_data_offset = state.ring_data_offset,
          .ring_scale_offset = state.ring_scale_offset,
          .ratio = compress_ratio(args.kind),
          .page_entries = page.entries,
          .page_data_offset = page.data_offset,
          .page_scale_offset = page.scale_offset,
          .page_key_offset = page.key_offset,
          .page_key_scale_offset = page.key_scale_offset,
          .step_data = args.step.window_data,
          .step_scales = args.step.window_scales,
          .group_data = args.step.group_data,
          .group_scales = args.step.group_scales,
          .group_keys = args.step.group_keys,
          .group_key_scales = args.step.group_key_scales};
}

}  // namespace hadal
