#include "model/compression.h"

#include <algorithm>
#include <vector>

#include "ops/compressor.h"
#include "ops/indexer.h"
#include "ops/kv_entry.h"
#include "ops/norm.h"
#include "ops/rope.h"

namespace hadal {
namespace {

size_t as_size(int value) { return static_cast<size_t>(value); }

// One compressor: where its weights are and how wide its entries are.
struct Compressor {
  const CompressorWeights& weights;
  int channels;  // of an entry
  int width;     // of its projections: 2 · channels with overlap (CSA)
  int ratio;
};

// out[row] = [kv width][z width], z with its position bias; rows `stride` floats apart.
void project_rows(BlockContext& block, const Compressor& compressor, const float* x, float* out,
                  size_t stride) {
  const StepPlan& plan = block.plan;
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
  ops::add_position_bias(block.ops, {.z = out + compressor.width,
                                     .ape = compressor.weights.ape.data(),
                                     .positions = plan.positions.data(),
                                     .rows = plan.rows,
                                     .width = compressor.width,
                                     .stride = stride,
                                     .ratio = compressor.ratio});
}

// Norm and RoPE at each group's first token; pooled [groups, channels] in place.
void finish_entries(BlockContext& block, const Compressor& compressor,
                    const CompressionPlan& compression, float* pooled) {
  const int groups = static_cast<int>(compression.groups.size());
  ops::rms_norm(block.ops, {.x = pooled,
                            .weight = compressor.weights.norm.data(),
                            .out = pooled,
                            .rows = groups,
                            .columns = compressor.channels,
                            .eps = block.config.rms_eps});
  ops::rope(block.ops, {.x = pooled,
                        .positions = compression.group_positions.data(),
                        .frequencies = block.compressed_frequencies,
                        .rows = groups,
                        .heads = 1,
                        .head_dim = compressor.channels,
                        .rope_dim = block.config.rope_dim});
}

void encode_entries(BlockContext& block, LayerStep& layer_step, int groups, const float* pooled) {
  const KvEntryFormat& format = block.layout.entry;
  ops::encode_kv(
      block.ops,
      {.x = pooled,
       .format = format,
       .data = layer_step.group_data.at_least(as_size(groups) * format.data_bytes()),
       .scales = layer_step.group_scales.at_least(as_size(groups) * format.scale_bytes()),
       .rows = groups});
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

// Keeps the rows of the two compressors, side by side, that commit may need.
void keep_csa_tail(BlockContext& block, LayerStep& layer_step, const float* main_rows,
                   size_t main_floats, const float* index_rows, size_t index_floats) {
  const size_t row_floats = main_floats + index_floats;
  int total = 0;
  for (const SequenceStep& sequence : block.plan.sequences) total += csa_tail_rows(sequence);
  float* tail = layer_step.csa_tail.at_least(as_size(total) * row_floats);
  for (const SequenceStep& sequence : block.plan.sequences) {
    const int end = sequence.first_row + sequence.rows;
    for (int row = end - csa_tail_rows(sequence); row < end; ++row) {
      std::copy_n(main_rows + as_size(row) * main_floats, main_floats, tail);
      std::copy_n(index_rows + as_size(row) * index_floats, index_floats, tail + main_floats);
      tail += row_floats;
    }
  }
}

}  // namespace

int csa_tail_rows(const SequenceStep& sequence) {
  return std::min(sequence.rows, kCsaStateRows + sequence.droppable_rows);
}

void compress_csa(BlockContext& block, int layer, const AttentionWeights& weights, const float* x) {
  const ModelConfig& config = block.config;
  const StepPlan& plan = block.plan;
  LayerStep& layer_step = block.step.layers[as_size(layer)];
  const Compressor main{.weights = weights.compressor,
                        .channels = config.head_dim,
                        .width = 2 * config.head_dim,
                        .ratio = kCsaRatio};
  const Compressor index{.weights = weights.indexer.compressor,
                         .channels = config.index_head_dim,
                         .width = 2 * config.index_head_dim,
                         .ratio = kCsaRatio};
  const size_t main_floats = 2 * as_size(main.width);
  const size_t index_floats = 2 * as_size(index.width);
  float* main_rows = block.buffers.compressor_rows.at_least(as_size(plan.rows) * main_floats);
  float* index_rows = block.buffers.index_rows.at_least(as_size(plan.rows) * index_floats);
  project_rows(block, main, x, main_rows, main_floats);
  project_rows(block, index, x, index_rows, index_floats);
  keep_csa_tail(block, layer_step, main_rows, main_floats, index_rows, index_floats);

  const int groups = static_cast<int>(plan.csa.groups.size());
  float* pooled = block.buffers.pooled.at_least(as_size(groups) *
                                                as_size(std::max(main.channels, index.channels)));
  const size_t state_stride = main_floats + index_floats;
  const std::vector<const float*> main_states = committed_states(block, layer, 0);
  ops::csa_pool(block.ops, {.plan = &plan,
                            .rows = main_rows,
                            .state_rows = main_states.data(),
                            .state_stride = state_stride,
                            .out = pooled,
                            .channels = main.channels});
  finish_entries(block, main, plan.csa, pooled);
  encode_entries(block, layer_step, groups, pooled);

  const std::vector<const float*> index_states = committed_states(block, layer, main_floats);
  ops::csa_pool(block.ops, {.plan = &plan,
                            .rows = index_rows,
                            .state_rows = index_states.data(),
                            .state_stride = state_stride,
                            .out = pooled,
                            .channels = index.channels});
  finish_entries(block, index, plan.csa, pooled);
  ops::hadamard(block.ops, {.x = pooled, .rows = groups, .dim = index.channels});
  const IndexKeyFormat& key_format = block.layout.index_key;
  ops::encode_index_key(
      block.ops,
      {.x = pooled,
       .format = key_format,
       .data = layer_step.group_keys.at_least(as_size(groups) * key_format.data_bytes()),
       .scales = layer_step.group_key_scales.at_least(as_size(groups) * key_format.scale_bytes()),
       .rows = groups});
}

void compress_hca(BlockContext& block, int layer, const AttentionWeights& weights, const float* x) {
  const StepPlan& plan = block.plan;
  LayerStep& layer_step = block.step.layers[as_size(layer)];
  const Compressor compressor{.weights = weights.compressor,
                              .channels = block.config.head_dim,
                              .width = block.config.head_dim,
                              .ratio = kHcaRatio};
  const size_t row_floats = 2 * as_size(compressor.width);
  float* rows = block.buffers.compressor_rows.at_least(as_size(plan.rows) * row_floats);
  project_rows(block, compressor, x, rows, row_floats);

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
                            .rows = rows,
                            .state = states.data(),
                            .out = pooled,
                            .banks = banks.data(),
                            .channels = compressor.channels});
  finish_entries(block, compressor, plan.hca, pooled);
  encode_entries(block, layer_step, groups, pooled);
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
