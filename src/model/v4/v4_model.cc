#include "model/v4/v4_model.h"

#include <array>
#include <utility>
#include <vector>

#include "base/as_size.h"
#include "base/check.h"
#include "checkpoint/v4/catalogue.h"
#include "model/v4/commit.h"
#include "model/v4/drafting.h"
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

constexpr std::array<int, 2> kRatios = {kCsaRatio, kHcaRatio};

// The layers that steps keep something of.
int layers_of(const ModelConfig& config, const StepLimits& limits) {
  return config.layers + (limits.drafts > 0 ? config.usable_stages() : 0);
}

// What a pass computes at once, at most.
StepSize pass_size(const ModelConfig& config, const StepLimits& limits) {
  const StepSize size = largest_size(limits);
  return limits.drafts == 0 ? size : larger_of(size, drafting_size(config, limits));
}

// One pass and what its last step left.
class V4Pass final : public ModelPass {
 public:
  V4Pass(const ModelParts& parts, ThreadPool& threads)
      : parts_(parts),
        ops_(threads, kernels_for(parts.options.isa)),
        commit_ops_(caller_, ops_.kernels()),
        pass_(parts, ops_, observer_) {}

  void reserve(const StepLimits& limits) override {
    const StepSize size = largest_size(limits);
    pass_.reserve(pass_size(parts_.config, limits));
    step_.place(parts_.config, parts_.layout, size, {.end = layers_of(parts_.config, limits)});
    if (limits.drafts == 0) return;
    drafting_ = make_drafting(parts_, pass_, ops_);
    HADAL_CHECK(drafting_ != nullptr);
    drafting_->reserve(limits);
  }
  size_t memory_bytes() const override {
    return pass_.memory_bytes() + step_.memory_bytes() +
           (drafting_ == nullptr ? 0 : drafting_->memory_bytes());
  }

  void forward(const StepPlan& plan, const CachePoolView& pool) override {
    const bool feeds = feeds_drafter(plan);
    pass_.forward(plan, pool, step_, feeds);
    if (feeds) drafting_->feed(plan, pool, step_);
  }
  std::span<const float> logits() const override { return step_.logits; }

  void commit(const StepPlan& plan, int index, int first_row, int rows,
              const CachePoolView& pool) const override {
    const CommitArgs args{.config = parts_.config,
                          .layout = parts_.layout,
                          .plan = plan,
                          .pool = pool,
                          .step = step_,
                          .sequence = index,
                          .first_row = first_row,
                          .rows = rows};
    commit_layers(commit_ops_, args, {.end = parts_.config.layers});
    if (feeds_drafter(plan)) drafting_->commit(commit_ops_, args);
  }

  void begin_drafts(const StepPlan& plan, const CachePoolView& pool,
                    std::span<const DraftStart> starts) override {
    HADAL_CHECK(feeds_drafter(plan));
    drafting_->begin(plan, pool, step_, starts);
  }
  void continue_drafts(std::span<const DraftStep> steps) override { drafting_->go_on(steps); }
  std::span<const float> draft_logits() const override { return drafting_->logits(); }
  std::span<const float> draft_confidence() const override { return drafting_->confidence(); }

 private:
  bool feeds_drafter(const StepPlan& plan) const {
    return drafting_ != nullptr && plan.feeds_drafter;
  }

  const ModelParts& parts_;
  OpContext ops_;
  ThreadPool caller_{1};
  mutable OpContext commit_ops_;  // commit uses nothing of it but its kernels
  const LayerObserver observer_;
  ForwardPass pass_;
  std::unique_ptr<Drafting> drafting_;  // null where nobody asks for drafts
  Step step_;
};

}  // namespace

StepPlanner make_step_plan(std::span<const BatchEntry> batch, const CacheGeometry& geometry) {
  return StepPlanner(batch, {.geometry = geometry, .ratios = kRatios});
}

size_t pass_memory_bytes(const ModelConfig& config, const ModelOptions& options,
                         const StepLimits& limits) {
  ThreadPool caller(1);
  const OpContext ops(caller, kernels_for(options.isa));
  const StepSize size = largest_size(limits);
  const CacheLayout layout = make_cache_layout(config, options.page_tokens, options.rope_storage);
  return WorkBuffers::bytes_for(config, ops, options.activations, pass_size(config, limits)) +
         Step::bytes_for(config, layout, size, {.end = layers_of(config, limits)}) +
         (limits.drafts > 0 ? drafting_memory_bytes(config, layout, limits) : 0);
}

struct V4Model::Impl {
  Impl(const Checkpoint& checkpoint, ThreadPool& threads, const ModelOptions& options)
      : parts{.config = checkpoint.config(),
              .options = options,
              .layout =
                  make_cache_layout(checkpoint.config(), options.page_tokens, options.rope_storage),
              .weights = bind_weights(checkpoint),
              .window_rope = window_frequencies(checkpoint.config()),
              .compressed_rope = compressed_frequencies(checkpoint.config())},
        ops(threads, kernels_for(options.isa)),
        commit_ops(caller, ops.kernels()),
        pass(parts, ops, observer) {
    if (options.activations == ActivationPolicy::kInt8) {
      int8_weights = Int8Weights::attach(parts.weights, threads, options.int8_weights);
    }
    std::vector<const MappedFile*> files = checkpoint.files();
    if (int8_weights != nullptr) files.push_back(&int8_weights->file());
    weight_place = place_weights(parts.weights, files, threads, options.weight_memory);
  }

  size_t stream_floats() const {
    return as_size(parts.config.hc_mult) * as_size(parts.config.hidden_size);
  }

  ModelParts parts;
  std::unique_ptr<Int8Weights> int8_weights;  // null under other policies
  WeightPlace weight_place = WeightPlace::kMapped;
  OpContext ops;
  ThreadPool caller{1};
  OpContext commit_ops;  // commit uses nothing of it but its kernels
  LayerObserver observer;
  ForwardPass pass;
  std::unique_ptr<Drafting> drafting;  // null unless feed_drafter() was called
};

V4Model::V4Model(const Checkpoint& checkpoint, ThreadPool& threads, const ModelOptions& options)
    : impl_(std::make_unique<Impl>(checkpoint, threads, options)) {}

V4Model::~V4Model() = default;

const CacheGeometry& V4Model::geometry() const { return impl_->parts.layout; }

std::span<const int> V4Model::compression_ratios() const { return kRatios; }

int V4Model::vocab_size() const { return config().vocab_size; }

int V4Model::max_positions() const { return config().max_positions; }

size_t V4Model::weight_bytes() const {
  return static_cast<size_t>(catalogue_totals(config()).bytes);
}

WeightPlace V4Model::weight_place() const { return impl_->weight_place; }

ModelDrafter V4Model::drafter() const { return drafter_of(config()); }

std::unique_ptr<ModelPass> V4Model::make_pass(ThreadPool& threads) const {
  return std::make_unique<V4Pass>(impl_->parts, threads);
}

const ModelConfig& V4Model::config() const { return impl_->parts.config; }

const CacheLayout& V4Model::cache_layout() const { return impl_->parts.layout; }

void V4Model::forward(const StepPlan& plan, const CachePoolView& pool, Step& step) {
  impl_->pass.forward(plan, pool, step, impl_->drafting != nullptr);
  if (impl_->drafting != nullptr) impl_->drafting->feed(plan, pool, step);
}

Drafting& V4Model::feed_drafter() {
  if (impl_->drafting == nullptr) {
    impl_->drafting = make_drafting(impl_->parts, impl_->pass, impl_->ops);
    HADAL_CHECK(impl_->drafting != nullptr);
  }
  return *impl_->drafting;
}

void V4Model::run_drafter_stage(int stage, const StepPlan& plan, const CachePoolView& pool,
                                Step& step, std::span<float> streams) {
  HADAL_CHECK(stage >= 0 && stage < impl_->parts.config.usable_stages());
  HADAL_CHECK(streams.size() == as_size(plan.rows) * impl_->stream_floats());
  impl_->pass.run_dspark_stage(stage, plan, pool, step, streams.data());
}

void V4Model::feed_taps(const StepPlan& plan, std::span<const float> taps,
                        const CachePoolView& pool, Step& step) {
  impl_->pass.feed_dspark(plan, pool, step, taps.data());
}

void V4Model::forward_mtp(const StepPlan& plan, std::span<const float> main_streams,
                          const CachePoolView& pool, Step& step) {
  HADAL_CHECK(has_mtp());
  impl_->pass.forward_mtp(plan, main_streams, pool, step);
}

void V4Model::commit(const StepPlan& plan, int index, int rows, const CachePoolView& pool,
                     const Step& step, SequenceCache& cache) const {
  const int first_row = cache.length - plan.sequences[as_size(index)].start;
  HADAL_CHECK(first_row >= 0);
  const CommitArgs args{.config = impl_->parts.config,
                        .layout = impl_->parts.layout,
                        .plan = plan,
                        .pool = pool,
                        .step = step,
                        .sequence = index,
                        .first_row = first_row,
                        .rows = rows};
  commit_layers(impl_->commit_ops, args, {.end = impl_->parts.config.layers});
  cache.length += rows - first_row;
  if (impl_->drafting == nullptr) return;
  impl_->drafting->commit(impl_->commit_ops, args);
  cache.drafter_rows += rows - first_row;
}

void V4Model::commit_mtp(const StepPlan& plan, int index, int rows, const CachePoolView& pool,
                         const Step& step, SequenceCache& cache) const {
  HADAL_CHECK(cache.length == plan.sequences[as_size(index)].start);
  const int layers = impl_->parts.config.layers;
  commit_layers(impl_->commit_ops,
                {.config = impl_->parts.config,
                 .layout = impl_->parts.layout,
                 .plan = plan,
                 .pool = pool,
                 .step = step,
                 .sequence = index,
                 .rows = rows},
                {.first = layers, .end = layers + 1});
  cache.length += rows;
}

void V4Model::run_layer(int layer, const StepPlan& plan, const CachePoolView& pool, Step& step,
                        std::span<float> streams) {
  HADAL_CHECK(layer >= 0 && layer < impl_->parts.config.layers);
  HADAL_CHECK(streams.size() == as_size(plan.rows) * impl_->stream_floats());
  impl_->pass.run_one_layer(layer, plan, pool, step, streams.data());
}

void V4Model::embed(const StepPlan& plan, std::span<float> streams) {
  HADAL_CHECK(streams.size() == as_size(plan.rows) * impl_->stream_floats());
  impl_->pass.embed(plan, impl_->parts.config.hc_mult, streams.data());
}

void V4Model::set_observer(LayerObserver observer) { impl_->observer = std::move(observer); }

void V4Model::set_profile(OpProfile* profile) { impl_->ops.set_profile(profile); }

}  // namespace hadal
