// The computation of one step from its rows to logits, layer by layer, with working memory of its
// own: as many steps can be under way at once as there are passes. Owns neither weights nor cache.
#pragma once

#include <span>
#include <vector>

#include "model/v4/block_context.h"
#include "model/v4/cache_layout.h"
#include "model/v4/step.h"
#include "model/v4/v4_model.h"
#include "model/v4/weights.h"
#include "model/v4/work_buffers.h"
#include "ops/context.h"

namespace hadal {

// What all passes read.
struct ModelParts {
  ModelConfig config;
  ModelOptions options;
  CacheLayout layout;
  ModelWeights weights;
  std::vector<float> window_rope;      // frequencies of layers without compression
  std::vector<float> compressed_rope;  // and of layers with compression
};

class ForwardPass {
 public:
  // All must outlive the pass.
  ForwardPass(const ModelParts& model, OpContext& ops, const LayerObserver& observer)
      : model_(model), config_(model.config), ops_(ops), observer_(observer) {}

  // Room for steps of this size.
  void reserve(const StepSize& size);
  size_t memory_bytes() const { return buffers_.memory_bytes(); }

  // As V4Model's functions of these names. With `feeds_drafter` there is also room in `step` for
  // what the drafter's stages keep of the rows.
  void forward(const StepPlan& plan, const CachePoolView& pool, Step& step,
               bool feeds_drafter = false);
  void forward_mtp(const StepPlan& plan, std::span<const float> main_streams,
                   const CachePoolView& pool, Step& step) {
    forward_mtp(plan, main_streams, pool, step, model_.layout);
  }
  // The same where the pool is laid out otherwise.
  void forward_mtp(const StepPlan& plan, std::span<const float> main_streams,
                   const CachePoolView& pool, Step& step, const CacheLayout& layout);

  // Where the streams for feed_mtp go, [rows, streams, hidden], of the step computed last. The
  // buffers must have been reserved for steps that feed the drafter.
  float* drafter_streams() const { return buffers_.drafter_streams; }
  // The MTP block's keys of the rows of `plan`, from drafter_streams(), which it overwrites: what
  // forward_mtp would leave in `step`, whose places are those of the step computed last.
  void feed_mtp(const StepPlan& plan, const CachePoolView& pool, Step& step);

  // The block drafter's context keys of the rows of `plan`, into `step`, whose places are those of
  // the step computed last: from its taps, or from others, [rows, taps, hidden].
  void feed_dspark(const StepPlan& plan, const CachePoolView& pool, Step& step,
                   const float* taps = nullptr);
  // Blocks of the block drafter, a sequence of `plan` each. Into step.streams, y [rows, hidden]
  // (the streams joined for the head) and step.logits, for all rows.
  void forward_dspark(const StepPlan& plan, const CachePoolView& pool, Step& step, float* y);
  // One of its stages alone; streams: [rows, streams, hidden], in place.
  void run_dspark_stage(int stage, const StepPlan& plan, const CachePoolView& pool, Step& step,
                        float* streams);
  // streams: [rows, streams, hidden], in place.
  void run_one_layer(int layer, const StepPlan& plan, const CachePoolView& pool, Step& step,
                     float* streams);
  // out: [rows, streams, hidden].
  void embed(const StepPlan& plan, int streams, float* out);

 private:
  size_t stream_floats() const {
    return static_cast<size_t>(config_.hc_mult) * static_cast<size_t>(config_.hidden_size);
  }
  // Memory for the step and its results in the layers of `range`, and the turns that all layers
  // use.
  void begin(const StepPlan& plan, LayerRange range, Step& step, bool feeds_drafter = false);
  void compute_turns(const StepPlan& plan);
  void turn_positions(std::span<const int32_t> positions, const std::vector<float>& frequencies,
                      float* turns);
  BlockContext block_context(const StepPlan& plan, const CachePoolView& pool, Step& step,
                             const CacheLayout& layout);
  HyperPreArgs join_args(float* streams, int rows);
  LinearInput join_streams(const HyperWeights& hyper, const std::vector<float>& norm_weight,
                           HyperPreArgs pre);
  void run_layer(int layer, const LayerWeights& layer_weights, const StepPlan& plan,
                 const CachePoolView& pool, Step& step, float* streams, const CacheLayout& layout);
  void multiply_streams(const WeightMatrix& fn, const float* streams, int rows, float* products);
  void start_mtp_streams(const StepPlan& plan, std::span<const float> main_streams, float* out);
  void run_head(const StepPlan& plan, const HeadWeights& head, const WeightMatrix& output,
                Step& step);
  // The logits of rows [rows, hidden] by the model's head or the drafter's.
  void multiply_head(const WeightMatrix& output, const float* x, int rows, float* logits);
  // The streams of `rows` rows joined for the head: y [rows, hidden], and normalised.
  void join_head(const HeadWeights& head, const float* streams, int rows, float* y, float* out);
  void tap(int layer, const StepPlan& plan, const float* streams);

  const ModelParts& model_;
  const ModelConfig& config_;
  OpContext& ops_;
  const LayerObserver& observer_;
  WorkBuffers buffers_;
};

}  // namespace hadal
