// What one forward pass leaves behind: logits, residual streams, and the cache entries of its rows,
// which exist here only until commit writes them into pages and state. Reused from step to step;
// its buffers grow to the largest step seen.
#pragma once

#include <cstddef>
#include <vector>

#include "base/aligned_buffer.h"
#include "ops/experts.h"

namespace hadal {

// Uncommitted cache entries of one layer.
struct LayerStep {
  AlignedBuffer<std::byte> window_data;    // [rows, data_bytes]
  AlignedBuffer<std::byte> window_scales;  // [rows, scale_bytes]
  AlignedBuffer<std::byte> group_data;     // [groups, data_bytes]
  AlignedBuffer<std::byte> group_scales;   // [groups, scale_bytes]
  AlignedBuffer<std::byte> group_keys;     // CSA: [groups, key data_bytes]
  AlignedBuffer<std::byte> group_key_scales;
  // CSA: the last projected rows of each sequence of the plan, as many as commit may need
  // (csa_tail_rows), [Σ tail rows, csa_state_row_floats].
  AlignedBuffer<float> csa_tail;
  // HCA: the running softmax after each row that commit may end with,
  // [Σ (droppable_rows + 1), 3, c].
  AlignedBuffer<float> hca_banks;
};

struct Step {
  AlignedBuffer<float> logits;    // [logit rows of the plan, vocab]
  AlignedBuffer<float> streams;   // [rows, streams, hidden] after the last layer, before the head
  std::vector<LayerStep> layers;  // [layers + 1], the last for the MTP block
};

}  // namespace hadal
