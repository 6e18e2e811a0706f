#include "model/v4/forward_pass.h"

#include <algorithm>
#include <vector>

#include "base/as_size.h"
#include "base/check.h"
#include "model/v4/attention_block.h"
#include "model/v4/moe_block.h"
#include "ops/embedding.h"
#include "ops/hyper_connection.h"
#include "ops/norm.h"
#include "ops/rope.h"
#include "ops/row_loop.h"
#include "ops/rows.h"

namespace hadal {
void ForwardPass::reserve(const StepSize& size) {
  buffers_.reserve(config_, ops_, model_.options.activations, size);
}

void ForwardPass::begin(const StepPlan& plan, LayerRange range, Step& step, bool feeds_drafter) {
  StepSize size = size_of(plan);
  size.drafter = feeds_drafter;
  reserve(size);
  step.place(config_, model_.layout, size, range);
  compute_turns(plan);
}

void ForwardPass::forward(const StepPlan& plan, const CachePoolView& pool, Step& step,
                          bool feeds_drafter) {
  const int stages = feeds_drafter ? config_.usable_stages() : 0;
  begin(plan, {.end = config_.layers + stages}, step, feeds_drafter);
  float* const streams = step.streams.data();
  embed(plan, config_.hc_mult, streams);
  for (int layer = 0; layer < config_.layers; ++layer) {
    run_layer(layer, model_.weights.layers[as_size(layer)], plan, pool, step, streams,
              model_.layout);
    if (feeds_drafter) tap(layer, plan, streams);
  }
  run_head(plan, model_.weights.head, model_.weights.output, step);
}

void ForwardPass::forward_mtp(const StepPlan& plan, std::span<const float> main_streams,
                              const CachePoolView& pool, Step& step, const CacheLayout& layout) {
  HADAL_CHECK(main_streams.size() == as_size(plan.rows) * stream_floats());
  begin(plan, {.first = config_.layers, .end = config_.layers + 1}, step);
  float* const streams = step.streams.data();
  HADAL_CHECK(streams != main_streams.data());
  start_mtp_streams(plan, main_streams, streams);
  run_layer(config_.layers, model_.weights.mtp->layer, plan, pool, step, streams, layout);
  run_head(plan, model_.weights.mtp->head, model_.weights.draft_output, step);
}

void ForwardPass::feed_mtp(const StepPlan& plan, const CachePoolView& pool, Step& step) {
  const MtpWeights& mtp = *model_.weights.mtp;
  float* const streams = buffers_.drafter_streams;
  HADAL_CHECK(streams != nullptr);
  turn_positions(plan.positions, model_.window_rope, buffers_.window_turns);
  start_mtp_streams(plan, {streams, as_size(plan.rows) * stream_floats()}, streams);
  const LinearInput input =
      join_streams(mtp.layer.hc_attn, mtp.layer.attn_norm, join_args(streams, plan.rows));
  BlockContext block = block_context(plan, pool, step, model_.layout);
  window_keys(block, config_.layers, mtp.layer.attention, input);
}

// A row of taps has those of the lower layers first.
void ForwardPass::tap(int layer, const StepPlan& plan, const float* streams) {
  const std::vector<int>& layers = config_.dspark.taps;
  const auto found = std::ranges::find(layers, layer);
  if (model_.weights.dspark == nullptr || found == layers.end()) return;
  const size_t hidden = as_size(config_.hidden_size);
  ops::mean_rows(ops_, {.x = streams,
                        .out = buffers_.taps + as_size(found - layers.begin()) * hidden,
                        .rows = plan.rows,
                        .count = config_.hc_mult,
                        .columns = config_.hidden_size,
                        .out_stride = layers.size() * hidden});
}

void ForwardPass::feed_dspark(const StepPlan& plan, const CachePoolView& pool, Step& step,
                              const float* taps) {
  const DsparkWeights& dspark = *model_.weights.dspark;
  const int rows = plan.rows;
  const int columns = static_cast<int>(config_.dspark.taps.size()) * config_.hidden_size;
  HADAL_CHECK(buffers_.taps != nullptr);
  const LinearInput taps_input = buffers_.taps_input.prepare(
      ops_, model_.options.activations, taps == nullptr ? buffers_.taps : taps, rows, columns);
  float* const x = buffers_.tapped;
  ops::linear(ops_, {.x = taps_input.x,
                     .weight = dspark.main_proj,
                     .out = x,
                     .rows = rows,
                     .x_stride = as_size(columns),
                     .out_stride = as_size(config_.hidden_size),
                     .x_int8 = taps_input.int8,
                     .x_bf16 = taps_input.bf16});
  ops::rms_norm(ops_, {.x = x,
                       .weight = dspark.main_norm.data(),
                       .out = x,
                       .rows = rows,
                       .columns = config_.hidden_size,
                       .eps = config_.rms_eps});
  const LinearInput input =
      buffers_.input.prepare(ops_, model_.options.activations, x, rows, config_.hidden_size);
  BlockContext block = block_context(plan, pool, step, model_.layout);
  for (size_t stage = 0; stage < dspark.stages.size(); ++stage) {
    window_keys(block, config_.layers + static_cast<int>(stage), dspark.stages[stage].attention,
                input);
  }
}

void ForwardPass::forward_dspark(const StepPlan& plan, const CachePoolView& pool, Step& step,
                                 float* y) {
  const DsparkWeights& dspark = *model_.weights.dspark;
  const int stages = static_cast<int>(dspark.stages.size());
  begin(plan, {.first = config_.layers, .end = config_.layers + stages}, step);
  float* const streams = step.streams.data();
  embed(plan, config_.hc_mult, streams);
  for (int stage = 0; stage < stages; ++stage) {
    run_layer(config_.layers + stage, dspark.stages[as_size(stage)], plan, pool, step, streams,
              model_.layout);
  }
  float* const x = buffers_.block_input;
  join_head(dspark.head, streams, plan.rows, y, x);
  multiply_head(model_.weights.draft_output, x, plan.rows, step.logits.data());
}

void ForwardPass::run_dspark_stage(int stage, const StepPlan& plan, const CachePoolView& pool,
                                   Step& step, float* streams) {
  const int layer = config_.layers + stage;
  begin(plan, {.first = layer, .end = layer + 1}, step);
  run_layer(layer, model_.weights.dspark->stages[as_size(stage)], plan, pool, step, streams,
            model_.layout);
}

void ForwardPass::embed(const StepPlan& plan, int streams, float* out) {
  for (const int32_t token : plan.tokens) HADAL_CHECK(token >= 0 && token < config_.vocab_size);
  ops::embed(ops_, {.tokens = plan.tokens.data(),
                    .table = model_.weights.embedding,
                    .out = out,
                    .rows = plan.rows,
                    .streams = streams});
}

void ForwardPass::run_one_layer(int layer, const StepPlan& plan, const CachePoolView& pool,
                                Step& step, float* streams) {
  begin(plan, {.first = layer, .end = layer + 1}, step);
  run_layer(layer, model_.weights.layers[as_size(layer)], plan, pool, step, streams, model_.layout);
}

void ForwardPass::turn_positions(std::span<const int32_t> positions,
                                 const std::vector<float>& frequencies, float* turns) {
  ops::rope_turns(ops_, {.positions = positions.data(),
                         .frequencies = frequencies.data(),
                         .turns = turns,
                         .rows = static_cast<int>(positions.size()),
                         .rope_dim = config_.rope_dim});
}

void ForwardPass::compute_turns(const StepPlan& plan) {
  turn_positions(plan.positions, model_.window_rope, buffers_.window_turns);
  turn_positions(plan.positions, model_.compressed_rope, buffers_.compressed_turns);
  turn_positions(plan.compression(kCsaRatio).group_positions, model_.compressed_rope,
                 buffers_.csa_group_turns);
  turn_positions(plan.compression(kHcaRatio).group_positions, model_.compressed_rope,
                 buffers_.hca_group_turns);
}

BlockContext ForwardPass::block_context(const StepPlan& plan, const CachePoolView& pool, Step& step,
                                        const CacheLayout& layout) {
  return {.config = config_,
          .layout = layout,
          .options = model_.options,
          .plan = plan,
          .pool = pool,
          .step = step,
          .ops = ops_,
          .buffers = buffers_,
          .observer = observer_};
}

HyperPreArgs ForwardPass::join_args(float* streams, int rows) {
  return {.x = streams,
          .products = buffers_.stream_products,
          .out = buffers_.block_input,
          .post = buffers_.post,
          .mixing = buffers_.mixing,
          .rows = rows,
          .streams = config_.hc_mult,
          .hidden = config_.hidden_size,
          .sinkhorn_iterations = config_.hc_sinkhorn_iters,
          .hc_eps = config_.hc_eps,
          .rms_eps = config_.rms_eps};
}

// What a block reads: pre.out, joined from the streams, as it is and as the input of quantised
// linears.
LinearInput ForwardPass::join_streams(const HyperWeights& hyper,
                                      const std::vector<float>& norm_weight, HyperPreArgs pre) {
  multiply_streams(hyper.fn, pre.x, pre.rows, buffers_.stream_products);
  pre.base = hyper.base.data();
  pre.scale = hyper.scale.data();
  const RmsNormArgs norm{.x = pre.out,
                         .weight = norm_weight.data(),
                         .out = pre.out,
                         .rows = pre.rows,
                         .columns = config_.hidden_size,
                         .eps = config_.rms_eps};
  const LinearInput input = buffers_.input.place(ops_, model_.options.activations, pre.out,
                                                 pre.rows, config_.hidden_size);
  const int row_floats = (config_.hc_mult + 3) * config_.hidden_size;
  ops::for_rows(ops_, {.op = "hyper_pre", .rows = pre.rows, .row_floats = row_floats},
                [&](OpContext& own, RowRange range) {
                  ops::hyper_pre(own, rows_of(pre, range));
                  ops::rms_norm(own, rows_of(norm, range));
                  buffers_.input.fill(own, range);
                });
  return input;
}

void ForwardPass::run_layer(int layer, const LayerWeights& layer_weights, const StepPlan& plan,
                            const CachePoolView& pool, Step& step, float* streams,
                            const CacheLayout& layout) {
  const int rows = plan.rows;
  float* const x = buffers_.block_input;
  float* const out = buffers_.block_output;
  const HyperPreArgs pre = join_args(streams, rows);
  const HyperPostArgs spread{.block_out = out,
                             .post = pre.post,
                             .mixing = pre.mixing,
                             .x = streams,
                             .rows = rows,
                             .streams = config_.hc_mult,
                             .hidden = config_.hidden_size};
  BlockContext block = block_context(plan, pool, step, layout);

  const LinearInput attention_input =
      join_streams(layer_weights.hc_attn, layer_weights.attn_norm, pre);
  attention_block(block, layer, layer_weights, x, attention_input, out);
  ops::hyper_post(ops_, spread);

  const LinearInput moe_input = join_streams(layer_weights.hc_ffn, layer_weights.ffn_norm, pre);
  const CombineArgs combine = moe_block(block, layer, layer_weights.moe, x, moe_input, out);
  const int row_floats = (config_.hc_mult + 3) * config_.hidden_size;
  ops::for_rows(ops_, {.op = "hyper_post", .rows = rows, .row_floats = row_floats},
                [&](OpContext& own, RowRange range) {
                  ops::combine(own, rows_of(combine, range));
                  ops::hyper_post(own, rows_of(spread, range));
                });
}

// products [rows, features of fn] = streams · fn, all streams of a row laid end to end.
void ForwardPass::multiply_streams(const WeightMatrix& fn, const float* streams, int rows,
                                   float* products) {
  ops::linear(ops_, {.x = streams,
                     .weight = fn,
                     .out = products,
                     .rows = rows,
                     .x_stride = as_size(fn.in_features),
                     .out_stride = as_size(fn.out_features)});
}

// stream_k = e_proj · norm(embedding of the next token) + h_proj · norm(main stream_k).
void ForwardPass::start_mtp_streams(const StepPlan& plan, std::span<const float> main_streams,
                                    float* out) {
  const MtpWeights& mtp = *model_.weights.mtp;
  const int rows = plan.rows;
  const int streams = config_.hc_mult;
  const size_t hidden = as_size(config_.hidden_size);
  const auto normalized_projection = [&](const std::vector<float>& norm, const WeightMatrix& weight,
                                         const float* x, int x_rows, float* y) {
    float* const normalized = buffers_.projected;
    ops::rms_norm(ops_, {.x = x,
                         .weight = norm.data(),
                         .out = normalized,
                         .rows = x_rows,
                         .columns = config_.hidden_size,
                         .eps = config_.rms_eps});
    const LinearInput input = buffers_.input.prepare(ops_, model_.options.activations, normalized,
                                                     x_rows, config_.hidden_size);
    ops::linear(ops_, {.x = input.x,
                       .weight = weight,
                       .out = y,
                       .rows = x_rows,
                       .x_stride = hidden,
                       .out_stride = hidden,
                       .x_int8 = input.int8,
                       .x_bf16 = input.bf16});
  };
  normalized_projection(mtp.hnorm, mtp.h_proj, main_streams.data(), rows * streams, out);
  float* const embedding = buffers_.block_input;
  float* const e = buffers_.block_output;
  embed(plan, 1, embedding);
  normalized_projection(mtp.enorm, mtp.e_proj, embedding, rows, e);
  ops::add(ops_, {.x = e,
                  .out = out,
                  .rows = rows * streams,
                  .repeats = streams,
                  .columns = config_.hidden_size});
}

void ForwardPass::run_head(const StepPlan& plan, const HeadWeights& head,
                           const WeightMatrix& output, Step& step) {
  const int rows = static_cast<int>(plan.logit_rows.size());
  if (rows == 0) return;
  float* const streams = buffers_.head_streams;
  ops::gather_rows(ops_, {.x = step.streams.data(),
                          .row_index = plan.logit_rows.data(),
                          .out = streams,
                          .rows = rows,
                          .columns = stream_floats()});
  float* const x = buffers_.block_input;
  join_head(head, streams, rows, x, x);
  multiply_head(output, x, rows, step.logits.data());
}

void ForwardPass::multiply_head(const WeightMatrix& output, const float* x, int rows,
                                float* logits) {
  LinearArgs args{.x = x,
                  .weight = output,
                  .out = logits,
                  .rows = rows,
                  .x_stride = as_size(config_.hidden_size),
                  .out_stride = as_size(config_.vocab_size)};
  if (output.int8.codes != nullptr) {
    args.x_int8 =
        buffers_.input.prepare(ops_, ActivationPolicy::kInt8, x, rows, config_.hidden_size).int8;
  }
  ops::linear(ops_, args);
}

void ForwardPass::join_head(const HeadWeights& head, const float* streams, int rows, float* y,
                            float* out) {
  float* const products = buffers_.stream_products;
  multiply_streams(head.hc_head.fn, streams, rows, products);
  const HyperHeadArgs join{.x = streams,
                           .products = products,
                           .base = head.hc_head.base.data(),
                           .scale = head.hc_head.scale.data(),
                           .out = y,
                           .rows = rows,
                           .streams = config_.hc_mult,
                           .hidden = config_.hidden_size,
                           .hc_eps = config_.hc_eps,
                           .rms_eps = config_.rms_eps};
  const RmsNormArgs norm{.x = y,
                         .weight = head.norm.data(),
                         .out = out,
                         .rows = rows,
                         .columns = config_.hidden_size,
                         .eps = config_.rms_eps};
  ops::for_rows(
      ops_,
      {.op = "hyper_head", .rows = rows, .row_floats = (config_.hc_mult + 2) * config_.hidden_size},
      [&](OpContext& own, RowRange range) {
        ops::hyper_head(own, rows_of(join, range));
        ops::rms_norm(own, rows_of(norm, range));
      });
}

}  // namespace hadal
