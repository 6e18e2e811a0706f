#include "model/v4/commit.h"

#include <algorithm>
#include <cstring>

#include "base/as_size.h"
#include "base/check.h"
#include "model/v4/compression.h"
#include "ops/compressor.h"

namespace hadal {
namespace {

const SequenceStep& sequence_of(const CommitArgs& args) {
  return args.plan.sequences[as_size(args.sequence)];
}

std::byte* state_unit(const CommitArgs& args, int unit) {
  return args.pool.block(args.plan.state_table[as_size(sequence_of(args).first_state_unit + unit)]);
}

void commit_window(const CommitArgs& args, int layer) {
  const SequenceStep& sequence = sequence_of(args);
  const LayerStatePart& part = args.layout.state[as_size(layer)];
  const LayerStep& layer_step = args.step.layers[as_size(layer)];
  const size_t data_bytes = args.layout.entry.data_bytes();
  const size_t scale_bytes = args.layout.entry.scale_bytes();
  std::byte* unit = state_unit(args, part.ring_unit);
  for (int r = std::max(args.first_row, args.rows - args.layout.window); r < args.rows; ++r) {
    const size_t row = as_size(sequence.first_row + r);
    const size_t slot = as_size((sequence.start + r) % args.layout.window);
    std::memcpy(unit + part.ring_data_offset + slot * data_bytes,
                layer_step.window_data.data() + row * data_bytes, data_bytes);
    std::memcpy(unit + part.ring_scale_offset + slot * scale_bytes,
                layer_step.window_scales.data() + row * scale_bytes, scale_bytes);
  }
}

// Entries of the groups that the rows complete.
void commit_groups(const CommitArgs& args, int layer, const CompressionPlan& compression) {
  const SequenceStep& sequence = sequence_of(args);
  const LayerPagePart& part = args.layout.pages[as_size(layer)];
  const LayerStep& layer_step = args.step.layers[as_size(layer)];
  const KvEntryFormat& entry = args.layout.entry;
  const IndexKeyFormat& key = args.layout.index_key;
  const int end = compression.first_group[as_size(args.sequence) + 1];
  for (int g = compression.first_group[as_size(args.sequence)]; g < end; ++g) {
    const CompletedGroup& group = compression.groups[as_size(g)];
    if (group.last_row < sequence.first_row + args.first_row) continue;
    if (group.last_row >= sequence.first_row + args.rows) break;
    std::byte* page = args.pool.block(
        args.plan.page_table[as_size(sequence.first_page + group.group / part.entries)]);
    const size_t slot = as_size(group.group % part.entries);
    const size_t source = as_size(g);
    std::memcpy(page + part.data_offset + slot * entry.data_bytes(),
                layer_step.group_data.data() + source * entry.data_bytes(), entry.data_bytes());
    std::memcpy(page + part.scale_offset + slot * entry.scale_bytes(),
                layer_step.group_scales.data() + source * entry.scale_bytes(), entry.scale_bytes());
    if (compression.ratio != kCsaRatio) continue;
    std::memcpy(page + part.key_offset + slot * key.data_bytes(),
                layer_step.group_keys.data() + source * key.data_bytes(), key.data_bytes());
    std::memcpy(page + part.key_scale_offset + slot * key.scale_bytes(),
                layer_step.group_key_scales.data() + source * key.scale_bytes(), key.scale_bytes());
  }
}

void commit_csa_rows(const CommitArgs& args, int layer) {
  const SequenceStep& sequence = sequence_of(args);
  const LayerStatePart& part = args.layout.state[as_size(layer)];
  const size_t row_floats = csa_state_row_floats(args.config);
  const float* tail = args.step.layers[as_size(layer)].csa_tail.data();
  for (int s = 0; s < args.sequence; ++s) {
    tail += as_size(csa_tail_rows(args.plan.sequences[as_size(s)])) * row_floats;
  }
  const int first_kept_row = sequence.rows - csa_tail_rows(sequence);
  auto* state =
      reinterpret_cast<float*>(state_unit(args, part.compressor_unit) + part.compressor_offset);
  for (int r = std::max(args.first_row, args.rows - kCsaStateRows); r < args.rows; ++r) {
    const size_t slot = as_size((sequence.start + r) % kCsaStateRows);
    std::copy_n(tail + as_size(r - first_kept_row) * row_floats, row_floats,
                state + slot * row_floats);
  }
}

void commit_hca_softmax(const CommitArgs& args, int layer) {
  const SequenceStep& sequence = sequence_of(args);
  const LayerStatePart& part = args.layout.state[as_size(layer)];
  const size_t bank_floats = 3 * as_size(args.config.head_dim);
  int bank = args.rows - (sequence.rows - sequence.droppable_rows);
  for (int s = 0; s < args.sequence; ++s) {
    bank += args.plan.sequences[as_size(s)].droppable_rows + 1;
  }
  auto* state =
      reinterpret_cast<float*>(state_unit(args, part.compressor_unit) + part.compressor_offset);
  std::copy_n(args.step.layers[as_size(layer)].hca_banks.data() + as_size(bank) * bank_floats,
              bank_floats, state);
}

}  // namespace

void commit_layer(const CommitArgs& args, int layer) {
  const SequenceStep& sequence = sequence_of(args);
  HADAL_CHECK(args.first_row <= args.rows && args.rows <= sequence.rows);
  HADAL_CHECK(args.rows >= sequence.rows - sequence.droppable_rows);
  const LayerKind kind =
      layer < args.config.layers ? args.config.layer_kinds[as_size(layer)] : LayerKind::kWindow;
  commit_window(args, layer);
  switch (kind) {
    case LayerKind::kWindow:
      return;
    case LayerKind::kCsa:
      commit_groups(args, layer, args.plan.csa);
      return commit_csa_rows(args, layer);
    case LayerKind::kHca:
      commit_groups(args, layer, args.plan.hca);
      return commit_hca_softmax(args, layer);
  }
}

}  // namespace hadal
