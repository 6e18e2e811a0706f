#include "model/model.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "model/attention_block.h"
#include "model/block_context.h"
#include "model/commit.h"
#include "model/moe_block.h"
#include "model/weights.h"
#include "ops/embedding.h"
#include "ops/hyper_connection.h"
#include "ops/norm.h"
#include "ops/rope.h"
#include "ops/row_loop.h"

namespace hadal {
namespace {

size_t as_size(int value) { return static_cast<size_t>(value); }

std::vector<float> window_frequencies(const ModelConfig& config) {
  return rope_frequencies({.rope_dim = config.rope_dim, .theta = config.rope_theta});
}

std::vector<float> compressed_frequencies(const ModelConfig& config) {
  return rope_frequencies({.rope_dim = config.rope_dim,
                           .theta = config.compress_rope_theta,
                           .yarn_factor = config.yarn.factor,
                           .yarn_original_positions = config.yarn.original_positions,
                           .yarn_beta_fast = config.yarn.beta_fast,
                           .yarn_beta_slow = config.yarn.beta_slow});
}

}  // namespace

struct Model::Impl {
  Impl(const Checkpoint& checkpoint, ThreadPool& threads, const ModelOptions& model_options)
      : config(checkpoint.config()),
        options(model_options),
        layout(make_cache_layout(config, options.page_tokens, options.rope_storage)),
        weights(bind_weights(checkpoint)),
        window_rope(window_frequencies(config)),
        compressed_rope(compressed_frequencies(config)),
        ops(threads, kernels_for(options.isa)) {
    if (options.activations == ActivationPolicy::kInt8) {
      int8_weights = Int8Weights::attach(weights, threads, options.int8_weights);
    }
  }

  size_t stream_floats() const { return as_size(config.hc_mult) * as_size(config.hidden_size); }
  int mtp_layer() const { return config.layers; }

  void embed(const StepPlan& plan, int streams, float* out);
  void run_layer(int layer, const LayerWeights& layer_weights, const StepPlan& plan,
                 const CachePoolView& pool, Step& step, float* streams);
  void multiply_streams(const WeightMatrix& fn, const float* streams, int rows, float* products);
  void start_mtp_streams(const StepPlan& plan, std::span<const float> main_streams, float* out);
  void run_head(const StepPlan& plan, const HeadWeights& head, Step& step);

  ModelConfig config;
  ModelOptions options;
  CacheLayout layout;
  ModelWeights weights;
  std::unique_ptr<Int8Weights> int8_weights;  // null under other policies
  std::vector<float> window_rope;
  std::vector<float> compressed_rope;
  OpContext ops;
  BlockBuffers buffers;
  LayerObserver observer;

  AlignedBuffer<float> block_input;   // [rows, hidden]
  AlignedBuffer<float> block_output;  // [rows, hidden]
  AlignedBuffer<float> post;          // [rows, streams]
  AlignedBuffer<float> mixing;        // [rows, streams, streams]
  // [rows, mixes of a row]: what the streams are joined by, before it is normalised
  AlignedBuffer<float> stream_products;
  AlignedBuffer<float> head_streams;  // [logit rows, streams, hidden]
  AlignedBuffer<float> projected;     // MTP: [rows, streams, hidden]
};

void Model::Impl::embed(const StepPlan& plan, int streams, float* out) {
  for (const int32_t token : plan.tokens) HADAL_CHECK(token >= 0 && token < config.vocab_size);
  ops::embed(ops, {.tokens = plan.tokens.data(),
                   .table = weights.embedding,
                   .out = out,
                   .rows = plan.rows,
                   .streams = streams});
}

void Model::Impl::run_layer(int layer, const LayerWeights& layer_weights, const StepPlan& plan,
                            const CachePoolView& pool, Step& step, float* streams) {
  const int rows = plan.rows;
  float* x = block_input.at_least(as_size(rows) * as_size(config.hidden_size));
  float* out = block_output.at_least(as_size(rows) * as_size(config.hidden_size));
  const int mixes = (2 + config.hc_mult) * config.hc_mult;
  float* products = stream_products.at_least(as_size(rows) * as_size(mixes));
  HyperPreArgs pre{
      .x = streams,
      .products = products,
      .out = x,
      .post = post.at_least(as_size(rows) * as_size(config.hc_mult)),
      .mixing = mixing.at_least(as_size(rows) * as_size(config.hc_mult * config.hc_mult)),
      .rows = rows,
      .streams = config.hc_mult,
      .hidden = config.hidden_size,
      .sinkhorn_iterations = config.hc_sinkhorn_iters,
      .hc_eps = config.hc_eps,
      .rms_eps = config.rms_eps};
  const HyperPostArgs spread{.block_out = out,
                             .post = pre.post,
                             .mixing = pre.mixing,
                             .x = streams,
                             .rows = rows,
                             .streams = config.hc_mult,
                             .hidden = config.hidden_size};
  RmsNormArgs norm{
      .x = x, .out = x, .rows = rows, .columns = config.hidden_size, .eps = config.rms_eps};
  BlockContext block{.config = config,
                     .layout = layout,
                     .options = options,
                     .plan = plan,
                     .pool = pool,
                     .step = step,
                     .ops = ops,
                     .buffers = buffers,
                     .observer = observer,
                     .window_frequencies = window_rope.data(),
                     .compressed_frequencies = compressed_rope.data()};

  const int row_floats = (config.hc_mult + 3) * config.hidden_size;
  // Both blocks read x, joined from the streams, and x as the input of quantised linears.
  const auto join_streams = [&](const HyperWeights& hyper, const std::vector<float>& norm_weight) {
    multiply_streams(hyper.fn, streams, rows, products);
    pre.base = hyper.base.data();
    pre.scale = hyper.scale.data();
    norm.weight = norm_weight.data();
    const LinearInput input =
        buffers.input.place(ops, options.activations, x, rows, config.hidden_size);
    ops::for_rows(ops, {.op = "hyper_pre", .rows = rows, .row_floats = row_floats},
                  [&](OpContext& own, RowRange range) {
                    ops::hyper_pre(own, rows_of(pre, range));
                    ops::rms_norm(own, rows_of(norm, range));
                    buffers.input.fill(own, range);
                  });
    return input;
  };

  const LinearInput attention_input = join_streams(layer_weights.hc_attn, layer_weights.attn_norm);
  attention_block(block, layer, layer_weights, x, attention_input, out);
  ops::hyper_post(ops, spread);

  const LinearInput moe_input = join_streams(layer_weights.hc_ffn, layer_weights.ffn_norm);
  const CombineArgs combine = moe_block(block, layer, layer_weights.moe, x, moe_input, out);
  ops::for_rows(ops, {.op = "hyper_post", .rows = rows, .row_floats = row_floats},
                [&](OpContext& own, RowRange range) {
                  ops::combine(own, rows_of(combine, range));
                  ops::hyper_post(own, rows_of(spread, range));
                });
}

// products [rows, features of fn] = streams · fn, all streams of a row laid end to end.
void Model::Impl::multiply_streams(const WeightMatrix& fn, const float* streams, int rows,
                                   float* products) {
  ops::linear(ops, {.x = streams,
                    .weight = fn,
                    .out = products,
                    .rows = rows,
                    .x_stride = as_size(fn.in_features),
                    .out_stride = as_size(fn.out_features)});
}

// stream_k = e_proj · norm(embedding of the next token) + h_proj · norm(main stream_k).
void Model::Impl::start_mtp_streams(const StepPlan& plan, std::span<const float> main_streams,
                                    float* out) {
  const MtpWeights& mtp = *weights.mtp;
  const int rows = plan.rows;
  const int streams = config.hc_mult;
  const size_t hidden = as_size(config.hidden_size);
  const auto normalized_projection = [&](const std::vector<float>& norm, const WeightMatrix& weight,
                                         const float* x, int x_rows, float* y) {
    float* normalized = projected.at_least(as_size(x_rows) * hidden);
    ops::rms_norm(ops, {.x = x,
                        .weight = norm.data(),
                        .out = normalized,
                        .rows = x_rows,
                        .columns = config.hidden_size,
                        .eps = config.rms_eps});
    const LinearInput input =
        buffers.input.prepare(ops, options.activations, normalized, x_rows, config.hidden_size);
    ops::linear(ops, {.x = input.x,
                      .weight = weight,
                      .out = y,
                      .rows = x_rows,
                      .x_stride = hidden,
                      .out_stride = hidden,
                      .x_int8 = input.int8,
                      .x_bf16 = input.bf16});
  };
  normalized_projection(mtp.hnorm, mtp.h_proj, main_streams.data(), rows * streams, out);
  float* embedding = block_input.at_least(as_size(rows) * hidden);
  float* e = block_output.at_least(as_size(rows) * hidden);
  embed(plan, 1, embedding);
  normalized_projection(mtp.enorm, mtp.e_proj, embedding, rows, e);
  for (size_t row = 0; row < as_size(rows * streams); ++row) {
    const float* shared = e + row / as_size(streams) * hidden;
    for (size_t i = 0; i < hidden; ++i) out[row * hidden + i] += shared[i];
  }
}

void Model::Impl::run_head(const StepPlan& plan, const HeadWeights& head, Step& step) {
  const int rows = static_cast<int>(plan.logit_rows.size());
  float* logits = step.logits.at_least(as_size(rows) * as_size(config.vocab_size));
  if (rows == 0) return;
  float* streams = head_streams.at_least(as_size(rows) * stream_floats());
  for (size_t i = 0; i < as_size(rows); ++i) {
    std::copy_n(step.streams.data() + as_size(plan.logit_rows[i]) * stream_floats(),
                stream_floats(), streams + i * stream_floats());
  }
  float* x = block_input.at_least(as_size(rows) * as_size(config.hidden_size));
  float* products = stream_products.at_least(as_size(rows) * as_size(config.hc_mult));
  multiply_streams(head.hc_head.fn, streams, rows, products);
  const HyperHeadArgs join{.x = streams,
                           .products = products,
                           .base = head.hc_head.base.data(),
                           .scale = head.hc_head.scale.data(),
                           .out = x,
                           .rows = rows,
                           .streams = config.hc_mult,
                           .hidden = config.hidden_size,
                           .hc_eps = config.hc_eps,
                           .rms_eps = config.rms_eps};
  const RmsNormArgs norm{.x = x,
                         .weight = head.norm.data(),
                         .out = x,
                         .rows = rows,
                         .columns = config.hidden_size,
                         .eps = config.rms_eps};
  ops::for_rows(
      ops,
      {.op = "hyper_head", .rows = rows, .row_floats = (config.hc_mult + 2) * config.hidden_size},
      [&](OpContext& own, RowRange range) {
        ops::hyper_head(own, rows_of(join, range));
        ops::rms_norm(own, rows_of(norm, range));
      });
  ops::linear(ops, {.x = x,
                    .weight = weights.output,
                    .out = logits,
                    .rows = rows,
                    .x_stride = as_size(config.hidden_size),
                    .out_stride = as_size(config.vocab_size)});
}

Model::Model(const Checkpoint& checkpoint, ThreadPool& threads, const ModelOptions& options)
    : impl_(std::make_unique<Impl>(checkpoint, threads, options)) {}

Model::~Model() = default;

const ModelConfig& Model::config() const { return impl_->config; }

const CacheLayout& Model::cache_layout() const { return impl_->layout; }

void Model::forward(const StepPlan& plan, const CachePoolView& pool, Step& step) {
  step.layers.resize(as_size(impl_->config.layers) + 1);
  float* streams = step.streams.at_least(as_size(plan.rows) * impl_->stream_floats());
  impl_->embed(plan, impl_->config.hc_mult, streams);
  for (int layer = 0; layer < impl_->config.layers; ++layer) {
    impl_->run_layer(layer, impl_->weights.layers[as_size(layer)], plan, pool, step, streams);
  }
  impl_->run_head(plan, impl_->weights.head, step);
}

void Model::forward_mtp(const StepPlan& plan, std::span<const float> main_streams,
                        const CachePoolView& pool, Step& step) {
  HADAL_CHECK(has_mtp());
  HADAL_CHECK(main_streams.size() == as_size(plan.rows) * impl_->stream_floats());
  step.layers.resize(as_size(impl_->config.layers) + 1);
  float* streams = step.streams.at_least(main_streams.size());
  HADAL_CHECK(streams != main_streams.data());
  impl_->start_mtp_streams(plan, main_streams, streams);
  impl_->run_layer(impl_->mtp_layer(), impl_->weights.mtp->layer, plan, pool, step, streams);
  impl_->run_head(plan, impl_->weights.mtp->head, step);
}

void Model::commit(const StepPlan& plan, int index, int rows, const CachePoolView& pool,
                   const Step& step, SequenceCache& cache) const {
  const int first_row = cache.length - plan.sequences[as_size(index)].start;
  HADAL_CHECK(first_row >= 0);
  for (int layer = 0; layer < impl_->config.layers; ++layer) {
    commit_layer({.config = impl_->config,
                  .layout = impl_->layout,
                  .plan = plan,
                  .pool = pool,
                  .step = step,
                  .sequence = index,
                  .first_row = first_row,
                  .rows = rows},
                 layer);
  }
  cache.length += rows - first_row;
}

void Model::commit_mtp(const StepPlan& plan, int index, int rows, const CachePoolView& pool,
                       const Step& step, SequenceCache& cache) const {
  HADAL_CHECK(cache.drafter_length == plan.sequences[as_size(index)].start);
  commit_layer({.config = impl_->config,
                .layout = impl_->layout,
                .plan = plan,
                .pool = pool,
                .step = step,
                .sequence = index,
                .rows = rows},
               impl_->mtp_layer());
  cache.drafter_length += rows;
}

void Model::run_layer(int layer, const StepPlan& plan, const CachePoolView& pool, Step& step,
                      std::span<float> streams) {
  HADAL_CHECK(layer >= 0 && layer < impl_->config.layers);
  HADAL_CHECK(streams.size() == as_size(plan.rows) * impl_->stream_floats());
  step.layers.resize(as_size(impl_->config.layers) + 1);
  impl_->run_layer(layer, impl_->weights.layers[as_size(layer)], plan, pool, step, streams.data());
}

void Model::embed(const StepPlan& plan, std::span<float> streams) {
  HADAL_CHECK(streams.size() == as_size(plan.rows) * impl_->stream_floats());
  impl_->embed(plan, impl_->config.hc_mult, streams.data());
}

void Model::set_observer(LayerObserver observer) { impl_->observer = std::move(observer); }

void Model::set_profile(OpProfile* profile) { impl_->ops.set_profile(profile); }

}  // namespace hadal
