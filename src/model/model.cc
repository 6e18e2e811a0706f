#include "model/model.h"

#include <deque>
#include <utility>
#include <vector>

#include "base/as_size.h"
#include "base/check.h"
#include "model/v4/commit.h"
#include "model/v4/forward_pass.h"
#include "model/v4/weights.h"
#include "ops/rope.h"

namespace hadal {
namespace {

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
  Impl(const Checkpoint& checkpoint, ThreadPool& threads, const ModelOptions& options)
      : parts{.config = checkpoint.config(),
              .options = options,
              .layout =
                  make_cache_layout(checkpoint.config(), options.page_tokens, options.rope_storage),
              .weights = bind_weights(checkpoint),
              .window_rope = window_frequencies(checkpoint.config()),
              .compressed_rope = compressed_frequencies(checkpoint.config())},
        ops(threads, kernels_for(options.isa)),
        together(parts, ops, observer) {
    if (options.activations == ActivationPolicy::kInt8) {
      int8_weights = Int8Weights::attach(parts.weights, threads, options.int8_weights);
    }
    for (int thread = 0; thread < threads.threads(); ++thread) {
      alone.emplace_back(parts, ops.of_thread(thread), no_observer);
    }
  }

  size_t stream_floats() const {
    return as_size(parts.config.hc_mult) * as_size(parts.config.hidden_size);
  }

  ModelParts parts;
  std::unique_ptr<Int8Weights> int8_weights;  // null under other policies
  OpContext ops;
  LayerObserver observer;
  const LayerObserver no_observer;
  ForwardPass together;           // on all threads
  std::deque<ForwardPass> alone;  // [threads], on one thread each
};

Model::Model(const Checkpoint& checkpoint, ThreadPool& threads, const ModelOptions& options)
    : impl_(std::make_unique<Impl>(checkpoint, threads, options)) {}

Model::~Model() = default;

const ModelConfig& Model::config() const { return impl_->parts.config; }

const CacheLayout& Model::cache_layout() const { return impl_->parts.layout; }

void Model::forward(const StepPlan& plan, const CachePoolView& pool, Step& step) {
  impl_->together.forward(plan, pool, step);
}

void Model::forward_on_thread(int thread, const StepPlan& plan, const CachePoolView& pool,
                              Step& step) {
  impl_->alone[as_size(thread)].forward(plan, pool, step);
}

void Model::forward_mtp(const StepPlan& plan, std::span<const float> main_streams,
                        const CachePoolView& pool, Step& step) {
  HADAL_CHECK(has_mtp());
  impl_->together.forward_mtp(plan, main_streams, pool, step);
}

void Model::commit(const StepPlan& plan, int index, int rows, const CachePoolView& pool,
                   const Step& step, SequenceCache& cache) const {
  const int first_row = cache.length - plan.sequences[as_size(index)].start;
  HADAL_CHECK(first_row >= 0);
  for (int layer = 0; layer < impl_->parts.config.layers; ++layer) {
    commit_layer({.config = impl_->parts.config,
                  .layout = impl_->parts.layout,
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
  commit_layer({.config = impl_->parts.config,
                .layout = impl_->parts.layout,
                .plan = plan,
                .pool = pool,
                .step = step,
                .sequence = index,
                .rows = rows},
               impl_->parts.config.layers);
  cache.drafter_length += rows;
}

void Model::run_layer(int layer, const StepPlan& plan, const CachePoolView& pool, Step& step,
                      std::span<float> streams) {
  HADAL_CHECK(layer >= 0 && layer < impl_->parts.config.layers);
  HADAL_CHECK(streams.size() == as_size(plan.rows) * impl_->stream_floats());
  impl_->together.run_one_layer(layer, plan, pool, step, streams.data());
}

void Model::embed(const StepPlan& plan, std::span<float> streams) {
  HADAL_CHECK(streams.size() == as_size(plan.rows) * impl_->stream_floats());
  impl_->together.embed(plan, impl_->parts.config.hc_mult, streams.data());
}

void Model::set_observer(LayerObserver observer) { impl_->observer = std::move(observer); }

void Model::set_profile(OpProfile* profile) { impl_->ops.set_profile(profile); }

}  // namespace hadal
