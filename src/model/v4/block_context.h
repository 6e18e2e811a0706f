// What the blocks of a layer share during one forward pass: configuration, the plan of the step,
// the cache they read, the Step they fill, and working buffers reused from layer to layer.
#pragma once

#include "base/aligned_buffer.h"
#include "cache/sequence_cache.h"
#include "checkpoint/v4/config.h"
#include "model/model.h"
#include "model/v4/cache_layout.h"
#include "model/v4/linear_input.h"
#include "model/v4/step.h"
#include "ops/context.h"
#include "ops/experts.h"
#include "ops/step_plan.h"

namespace hadal {

// Named after what they hold in the equations; sized on use.
struct BlockBuffers {
  LinearInputBuffer input;        // [rows, hidden]
  AlignedBuffer<float> q_latent;  // [rows, q_lora_rank]
  LinearInputBuffer q_input;      // [rows, q_lora_rank]
  // [rows, heads, head_dim]; when attention is done the experts' outputs, [rows · topk, hidden]
  AlignedBuffer<float> q_or_expert_out;
  AlignedBuffer<float> kv;  // [rows, head_dim]
  AlignedBuffer<float> compressor_rows;
  AlignedBuffer<float> index_rows;
  AlignedBuffer<float> pooled;  // [groups, head_dim]
  AlignedBuffer<float> index_weights;
  AlignedBuffer<int32_t> chosen;  // [rows, index_topk]
  // First the indexer's queries, [rows, index_heads, index_dim]; then [rows, heads, head_dim]
  AlignedBuffer<float> index_q_or_attention_out;
  LinearInputBuffer attention_input;   // [rows, heads · head_dim], under the int8 policy
  AlignedBuffer<float> output_latent;  // [rows, o_groups · o_lora_rank]
  LinearInputBuffer latent_input;
  AlignedBuffer<float> gate_logits;     // [rows, experts]
  AlignedBuffer<int32_t> experts;       // [rows, topk]
  AlignedBuffer<float> expert_weights;  // [rows, topk]
  AlignedBuffer<float> shared_gate_up;  // [2, rows, width]
  LinearInputBuffer shared_input;       // [rows, width]
  AlignedBuffer<float> shared_out;      // [rows, hidden]
  Dispatch dispatch;
};

// RoPE's cosines and sines of a step, [rows or groups, 2, rope_dim]; none where there are no rows.
struct StepTurns {
  const float* window = nullptr;      // rows in layers without compression
  const float* compressed = nullptr;  // rows in layers with compression
  const float* csa_groups = nullptr;
  const float* hca_groups = nullptr;
};

struct BlockContext {
  const ModelConfig& config;
  const CacheLayout& layout;
  const ModelOptions& options;
  const StepPlan& plan;
  const CachePoolView& pool;
  Step& step;
  OpContext& ops;
  BlockBuffers& buffers;
  const LayerObserver& observer;
  const StepTurns& turns;
};

}  // namespace hadal
