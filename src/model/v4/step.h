// What one forward pass leaves behind: logits, residual streams, and the cache entries of its rows,
// which exist here only until commit writes them into pages and state. All of it lies in one block,
// used again from step to step.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/memory_cutter.h"
#include "checkpoint/v4/config.h"
#include "model/v4/cache_layout.h"
#include "model/v4/step_size.h"

namespace hadal {

// Uncommitted cache entries of one layer; null where the layer has none of a kind.
struct LayerStep {
  std::byte* window_data = nullptr;    // [rows, data_bytes]
  std::byte* window_scales = nullptr;  // [rows, scale_bytes]
  std::byte* group_data = nullptr;     // [groups, data_bytes]
  std::byte* group_scales = nullptr;   // [groups, scale_bytes]
  std::byte* group_keys = nullptr;     // CSA: [groups, key data_bytes]
  std::byte* group_key_scales = nullptr;
  // CSA: the last projected rows of each sequence, those of both compressors side by side,
  // [plan tail_rows, csa_state_row_floats].
  float* csa_tail = nullptr;
  // HCA: the running softmax after each row that commit may end with, [plan banks, 3, c].
  float* hca_banks = nullptr;
};

struct LayerRange {
  int first = 0;
  int end = 0;
};

class Step {
 public:
  // Gives the results of a step that computes the layers of `range` their places; the drafter's
  // stages are the layers from config.layers on. A step no larger than an earlier one allocates
  // nothing.
  void place(const ModelConfig& config, const CacheLayout& layout, const StepSize& size,
             LayerRange range);

  std::span<float> logits;        // [logit rows of the plan, vocab]
  std::span<float> streams;       // [rows, streams, hidden] after the last layer, before the head
  std::vector<LayerStep> layers;  // [layers + drafter stages]

  size_t memory_bytes() const { return memory_.size(); }
  // What place() would take.
  static size_t bytes_for(const ModelConfig& config, const CacheLayout& layout,
                          const StepSize& size, LayerRange range);

 private:
  void cut(MemoryCutter& cutter, const ModelConfig& config, const CacheLayout& layout,
           const StepSize& size, LayerRange range);

  AlignedBuffer<std::byte> memory_;
};

}  // namespace hadal
