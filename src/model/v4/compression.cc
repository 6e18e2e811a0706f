#include "model/v4/compression.h"

#include <algorithm>
#include <vector>

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
                           AlignedBuffer<float>& buffer) {
  const StepPlan& plan = block.plan;
  const size_t stride = 2 * as_size(compressor.width);
  float* out = buffer.at_least(as_size(plan.rows) * stride);
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
  const RopeArgs rope{
      .x = pooled,
      .turns = compression.ratio == kCsaRatio ? block.turns.csa_groups : block.turns.hca_groups,
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
  const EncodeKvArgs encode{
      .x = pooled,
      .format = format,
      .data = layer_step.group_data.at_least(as_size(groups) * format.data_bytes()),
      .scales = layer_step.group_scales.at_least(as_size(groups) * format.scale_bytes()),
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
  const EncodeIndexKeyArgs encode{
      .x = pooled,
      .format = format,
      .data = layer_step.group_keys.at_least(as_size(groups) * format.data_bytes()),
      .scales = layer_step.group_key_scales.at_least(as_size(groups) * format.scale_bytes()),
      .rows = groups};
  finish_entries(block, compressor, compression, pooled, [&](OpContext& own, RowRange range) {
    ops::hadamard(own, rows_of(hadamard, range));
    ops::encode_index_key(own, rows_of(encode, range));
  });
}

const float* committed_state(const BlockContext& block, int layer, const SequenceStep& sequence) {
  const LayerStatePart& part = block.layout.state[as_size(layer)];
  const int32_t id =
      block.plan.state_table[as_size(sequence.first_state_unit + part.compressor_unit)];
  return reinterpret_cast<const float*>(block.pool.block(id) + part.compressor_offset);
}

std::vector<const float*> committed_states(const BlockContext& block, int layer, size_t offset) {
  std::vector<const float*> states;
  for (const SequenceStep& sequence : block.plan.sequences) {
    states.push_back(committed_state(block, layer, sequence) + offset);
  }
  return states;
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

int csa_tail_rows(const SequenceStep& sequence) {
  return std::min(sequence.rows, kCsaStateRows + sequence.droppable_rows);
}

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
  int tail_rows = 0;
  for (const SequenceStep& sequence : block.plan.sequences) {
    result.first_tail_row.push_back(tail_rows);
    tail_rows += csa_tail_rows(sequence);
  }
  result.tail = block.step.layers[as_size(layer)].csa_tail.at_least(as_size(tail_rows) *
                                                                    result.tail_row_floats());
  return result;
}

void CompressorRows::finish(OpContext& ops, const StepPlan& plan, RowRange range) const {
  if (main.rows == nullptr) return;
  ops::add_position_bias(ops, rows_of(main.bias, range));
  if (index.rows == nullptr) return;
  ops::add_position_bias(ops, rows_of(index.bias, range));
  for (int row = range.begin; row < range.end; ++row) {
    const auto sequence_index = as_size(plan.row_sequence[as_size(row)]);
    const SequenceStep& sequence = plan.sequences[sequence_index];
    const int end = sequence.first_row + sequence.rows;
    const int tail_row = row - (end - csa_tail_rows(sequence));
    if (tail_row < 0) continue;
    float* kept = tail + as_size(first_tail_row[sequence_index] + tail_row) * tail_row_floats();
    std::copy_n(main.rows + as_size(row) * main.row_floats, main.row_floats, kept);
    std::copy_n(index.rows + as_size(row) * index.row_floats, index.row_floats,
                kept + main.row_floats);
  }
}

void compress_csa(BlockContext& block, int layer, const AttentionWeights& weights,
                  const CompressorRows& rows) {
  const StepPlan& plan = block.plan;
  LayerStep& layer_step = block.step.layers[as_size(layer)];
  const Compressor main = csa_compressor(block.config, weights);
  const Compressor index = csa_index_compressor(block.config, weights);
  const int groups = static_cast<int>(plan.csa.groups.size());
  float* pooled = block.buffers.pooled.at_least(as_size(groups) *
                                                as_size(std::max(main.channels, index.channels)));
  const size_t state_stride = rows.tail_row_floats();
  const std::vector<const float*> main_states = committed_states(block, layer, 0);
  ops::csa_pool(block.ops, {.plan = &plan,
                            .rows = rows.main.rows,
                            .state_rows = main_states.data(),
                            .state_stride = state_stride,
                            .out = pooled,
                            .channels = main.channels});
  finish_main_entries(block, main, plan.csa, layer_step, pooled);

  const std::vector<const float*> index_states =
      committed_states(block, layer, rows.main.row_floats);
  ops::csa_pool(block.ops, {.plan = &plan,
                            .rows = rows.index.rows,
                            .state_rows = index_states.data(),
                            .state_stride = state_stride,
                            .out = pooled,
                            .channels = index.channels});
  finish_index_keys(block, index, plan.csa, layer_step, pooled);
}

void compress_hca(BlockContext& block, int layer, const AttentionWeights& weights,
                  const CompressorRows& rows) {
  const StepPlan& plan = block.plan;
  LayerStep& layer_step = block.step.layers[as_size(layer)];
  const Compressor compressor = hca_compressor(block.config, weights);
  const size_t bank_floats = 3 * as_size(compressor.channels);
  int total_banks = 0;
  for (const SequenceStep& sequence : plan.sequences) total_banks += sequence.droppable_rows + 1;
  float* next_bank = layer_step.hca_banks.at_least(as_size(total_banks) * bank_floats);
  std::vector<float*> banks;
  for (const SequenceStep& sequence : plan.sequences) {
    banks.push_back(next_bank);
    next_bank += as_size(sequence.droppable_rows + 1) * bank_floats;
  }
  const int groups = static_cast<int>(plan.hca.groups.size());
  float* pooled = block.buffers.pooled.at_least(as_size(groups) * as_size(compressor.channels));
  const std::vector<const float*> states = committed_states(block, layer, 0);
  ops::hca_pool(block.ops, {.plan = &plan,
                            .rows = rows.main.rows,
                            .state = states.data(),
                            .out = pooled,
                            .banks = banks.data(),
                            .channels = compressor.channels});
  finish_main_entries(block, compressor, plan.hca, layer_step, pooled);
}

LayerKv layer_kv_view(const BlockContext& block, int layer, LayerKind kind) {
  const LayerPagePart& page = block.layout.pages[as_size(layer)];
  const LayerStatePart& state = block.layout.state[as_size(layer)];
  const LayerStep& layer_step = block.step.layers[as_size(layer)];
  LayerKv kv;
  kv.format = block.layout.entry;
  kv.key_format = block.layout.index_key;
  kv.plan = &block.plan;
  kv.pool = block.pool.base;
  kv.page_bytes = block.pool.block_bytes;
  kv.window = block.layout.window;
  kv.ring_unit = state.ring_unit;
  kv.ring_data_offset = state.ring_data_offset;
  kv.ring_scale_offset = state.ring_scale_offset;
  kv.ratio = compress_ratio(kind);
  kv.page_entries = page.entries;
  kv.page_data_offset = page.data_offset;
  kv.page_scale_offset = page.scale_offset;
  kv.page_key_offset = page.key_offset;
  kv.page_key_scale_offset = page.key_scale_offset;
  kv.step_data = layer_step.window_data.data();
  kv.step_scales = layer_step.window_scales.data();
  kv.group_data = layer_step.group_data.data();
  kv.group_scales = layer_step.group_scales.data();
  kv.group_keys = layer_step.group_keys.data();
  kv.group_key_scales = layer_step.group_key_scales.data();
  return kv;
}

}  // namespace hadal
