// The working memory of a forward pass: every intermediate result by name, with its size and the
// stages of a layer that touch it, laid into one block where results of other stages share memory.
#pragma once

#include <cstddef>

#include "base/aligned_buffer.h"
#include "base/buffer_plan.h"
#include "checkpoint/v4/config.h"
#include "model/v4/linear_input.h"
#include "model/v4/step_size.h"
#include "ops/experts.h"

namespace hadal {

class WorkBuffers {
 public:
  // RoPE's cosines and sines of a step, [rows or groups, 2, rope_dim].
  float* window_turns = nullptr;      // rows in layers without compression
  float* compressed_turns = nullptr;  // rows in layers with compression
  float* csa_group_turns = nullptr;
  float* hca_group_turns = nullptr;

  float* block_input = nullptr;      // [rows, hidden]
  float* block_output = nullptr;     // [rows, hidden]
  float* stream_products = nullptr;  // [rows, mixes of a row]: what the streams are joined by
  float* post = nullptr;             // [rows, streams]
  float* mixing = nullptr;           // [rows, streams, streams]
  float* head_streams = nullptr;     // [logit rows, streams, hidden]
  float* projected = nullptr;        // MTP: [rows, streams, hidden]
  float* drafter_streams = nullptr;  // MTP, in steps that feed it: [rows, streams, hidden]

  float* taps = nullptr;    // DSpark, in steps that feed it: [rows, taps, hidden]
  float* tapped = nullptr;  // the same: [rows, hidden]

  LinearInputBuffer taps_input;       // [rows, taps · hidden]
  LinearInputBuffer input;            // [rows, hidden]
  LinearInputBuffer q_input;          // [rows, q_lora_rank]
  LinearInputBuffer attention_input;  // [rows, heads · head_dim], under the int8 policy
  LinearInputBuffer latent_input;     // [rows, o_groups · o_lora_rank]
  LinearInputBuffer shared_input;     // [rows, width]
  float* q_latent = nullptr;          // [rows, q_lora_rank]
  float* q = nullptr;                 // [rows, heads, head_dim]
  float* kv = nullptr;                // [rows, head_dim]
  float* compressor_rows = nullptr;   // [rows, 4 head_dim] (CSA), [rows, 2 head_dim] (HCA)
  float* index_rows = nullptr;        // [rows, 4 index_head_dim]
  float* pooled = nullptr;            // [groups, head_dim]
  float* index_q = nullptr;           // [rows, index_heads, index_head_dim]
  float* index_weights = nullptr;     // [rows, index_heads]
  int32_t* chosen = nullptr;          // [rows, index_topk]
  float* attention_out = nullptr;     // [rows, heads, head_dim]
  float* output_latent = nullptr;     // [rows, o_groups · o_lora_rank]
  float* gate_logits = nullptr;       // [rows, experts]
  int32_t* experts = nullptr;         // [rows, topk]
  float* expert_weights = nullptr;    // [rows, topk]
  Dispatch dispatch;                  // but for `assignments`
  float* expert_out = nullptr;        // [rows · topk, hidden]
  float* shared_gate_up = nullptr;    // [2, rows, width]
  float* shared_out = nullptr;        // [rows, hidden]

  // Room for steps of `size`; what it is for otherwise decides the widths. Contents are lost when
  // the room grows; a step that fits allocates nothing.
  void reserve(const ModelConfig& config, const OpContext& ops, ActivationPolicy policy,
               const StepSize& size);

  size_t memory_bytes() const { return memory_.size(); }
  // What reserve() would take.
  static size_t bytes_for(const ModelConfig& config, const OpContext& ops, ActivationPolicy policy,
                          const StepSize& size);
  // As it was laid out last.
  const BufferPlan& plan() const { return plan_; }

 private:
  class Layout;
  void lay_out(Layout& layout, const ModelConfig& config, const OpContext& ops,
               ActivationPolicy policy, const StepSize& room);

  StepSize room_;
  BufferPlan plan_;
  AlignedBuffer<std::byte> memory_;
};

}  // namespace hadal
