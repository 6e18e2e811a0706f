#include "model/v4/moe_block.h"

#include "base/as_size.h"
#include "ops/experts.h"
#include "ops/linear.h"
#include "ops/row_loop.h"
#include "ops/swiglu.h"

namespace hadal {
namespace {

// input, out: [rows, hidden].
void shared_expert(BlockContext& block, const ExpertWeights& weights, const LinearInput& input,
                   float* out) {
  const int rows = block.plan.rows;
  const int width = weights.w1.out_features;
  float* const gate = block.buffers.shared_gate_up;
  float* const up = gate + as_size(rows) * as_size(width);
  LinearArgs args{.x = input.x,
                  .weight = weights.w1,
                  .out = gate,
                  .rows = rows,
                  .x_stride = as_size(weights.w1.in_features),
                  .out_stride = as_size(width),
                  .x_int8 = input.int8,
                  .x_bf16 = input.bf16};
  ops::linear(block.ops, args);
  args.weight = weights.w3;
  args.out = up;
  ops::linear(block.ops, args);
  const SwigluArgs swiglu{.gate = gate,
                          .up = up,
                          .out = gate,
                          .rows = rows,
                          .width = width,
                          .limit = block.config.swiglu_limit};
  LinearInputBuffer& gated_buffer = block.buffers.shared_input;
  const LinearInput gated =
      gated_buffer.place(block.ops, block.options.activations, gate, rows, width);
  ops::for_rows(block.ops, {.op = "swiglu", .rows = rows, .row_floats = 4 * width},
                [&](OpContext& own, RowRange range) {
                  ops::swiglu(own, rows_of(swiglu, range));
                  gated_buffer.fill(own, range);
                });
  ops::linear(block.ops, {.x = gated.x,
                          .weight = weights.w2,
                          .out = out,
                          .rows = rows,
                          .x_stride = as_size(width),
                          .out_stride = as_size(weights.w2.out_features),
                          .x_int8 = gated.int8,
                          .x_bf16 = gated.bf16});
}

}  // namespace

CombineArgs moe_block(BlockContext& block, int layer, const MoeWeights& weights, const float* x,
                      const LinearInput& input, float* out) {
  const ModelConfig& config = block.config;
  WorkBuffers& buffers = block.buffers;
  const int rows = block.plan.rows;
  const int topk = config.experts_per_token;
  const size_t hidden = as_size(config.hidden_size);

  float* const logits = buffers.gate_logits;
  ops::linear(block.ops, {.x = x,
                          .weight = weights.gate,
                          .out = logits,
                          .rows = rows,
                          .x_stride = hidden,
                          .out_stride = as_size(config.routed_experts)});
  int32_t* const experts = buffers.experts;
  float* const expert_weights = buffers.expert_weights;
  Dispatch dispatch = buffers.dispatch;
  dispatch.assignments = rows * topk;
  ops::route(block.ops, {.logits = logits,
                         .bias = weights.bias.empty() ? nullptr : weights.bias.data(),
                         .hash_table = weights.hash_table,
                         .tokens = block.plan.tokens.data(),
                         .experts = experts,
                         .weights = expert_weights,
                         .rows = rows,
                         .expert_count = config.routed_experts,
                         .topk = topk,
                         .scaling = config.routed_scaling_factor});
  if (block.observer.on_experts) {
    block.observer.on_experts(layer, {experts, as_size(rows) * as_size(topk)});
  }
  ops::dispatch(block.ops, {.experts = experts,
                            .weights = expert_weights,
                            .rows = rows,
                            .expert_count = config.routed_experts,
                            .topk = topk,
                            .out = dispatch});

  float* const expert_out = buffers.expert_out;
  ops::experts(block.ops, {.x = input.x,
                           .x_int8 = input.int8,
                           .x_bf16 = input.bf16,
                           .experts = weights.experts.data(),
                           .range = {.count = config.routed_experts},
                           .dispatch = dispatch,
                           .out = expert_out,
                           .hidden = config.hidden_size,
                           .width = config.expert_width,
                           .swiglu_limit = config.swiglu_limit,
                           .policy = block.options.activations});
  float* const shared_out = buffers.shared_out;
  shared_expert(block, weights.shared, input, shared_out);
  return {.expert_out = expert_out,
          .shared = shared_out,
          .slot_of = dispatch.slot_of,
          .out = out,
          .rows = rows,
          .hidden = config.hidden_size,
          .topk = topk};
}

}  // namespace hadal
