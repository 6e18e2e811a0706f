// DeepSeek V4 as a function: token rows of some sequences in, logits out. Holds the weights' views
// and the working memory of the threads; caches belong to the caller, and only commit() writes
// them. One forward pass serves prefill, decode and verification alike. The contract of model.h
// holds; beside it stands what checks and measurements need: steps kept by the caller, single
// layers, observers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/thread_pool.h"
#include "checkpoint/v4/checkpoint.h"
#include "model/batch.h"
#include "model/model.h"
#include "model/v4/cache_layout.h"
#include "model/v4/int8_weights.h"
#include "model/v4/step.h"
#include "model/v4/weight_memory.h"
#include "numeric/activation_policy.h"
#include "ops/isa.h"

namespace hadal {

class Drafting;
class OpProfile;

struct ModelOptions {
  Isa isa = best_isa();
  ActivationPolicy activations = ActivationPolicy::kFp8;
  int page_tokens = kDefaultPageTokens;
  RopeStorage rope_storage = RopeStorage::kBf16;  // of cached keys
  Int8WeightsOptions int8_weights = {};           // used under the int8 policy
  WeightMemoryOptions weight_memory = {};
};

// Sees intermediate results of every layer, for checking; called on the caller's thread.
struct LayerObserver {
  // chosen [rows, index_topk], ascending, -1 padded; CSA layers only.
  std::function<void(int layer, std::span<const int32_t> chosen)> on_indexer;
  // experts [rows, experts_per_token], ascending.
  std::function<void(int layer, std::span<const int32_t> experts)> on_experts;
};

// The plan of a step of V4.
StepPlanner make_step_plan(std::span<const BatchEntry> batch, const CacheGeometry& geometry);

// Bytes of the buffers of one pass of a model, reserved for steps within `limits`: before there is
// a model.
size_t pass_memory_bytes(const ModelConfig& config, const ModelOptions& options,
                         const StepLimits& limits);

class V4Model final : public Model {
 public:
  // `checkpoint` and `threads` must outlive the model.
  V4Model(const Checkpoint& checkpoint, ThreadPool& threads, const ModelOptions& options);
  ~V4Model() override;
  V4Model(const V4Model&) = delete;
  V4Model& operator=(const V4Model&) = delete;

  const CacheGeometry& geometry() const override;
  std::span<const int> compression_ratios() const override;
  int vocab_size() const override;
  int max_positions() const override;
  size_t weight_bytes() const override;
  WeightPlace weight_place() const;
  ModelDrafter drafter() const override;
  std::unique_ptr<ModelPass> make_pass(ThreadPool& threads) const override;

  const ModelConfig& config() const;
  const CacheLayout& cache_layout() const;
  bool has_mtp() const { return config().drafter == DrafterKind::kMtp; }

  // Computes the rows of `plan` into step.streams, and step.logits for its logit
  // rows. Advances nothing. Token ids must lie in [0, vocab).
  void forward(const StepPlan& plan, const CachePoolView& pool, Step& step);

  // The MTP block over whole rows, for checking; passes draft with it by themselves. Row i of
  // `plan` holds the token that follows position i, and streams [rows, streams, hidden] the main
  // model's residual streams of position i; step.logits then predict the token after that one, and
  // step.streams can feed a further draft.
  void forward_mtp(const StepPlan& plan, std::span<const float> streams, const CachePoolView& pool,
                   Step& step);

  // Writes the first `rows` rows of sequence `index` of the plan into its cache and advances its
  // length. rows >= the sequence's rows - droppable_rows. Nothing of a later row is kept. After
  // that more of the rows can be committed, with `rows` counted from the first again. A fresh
  // sequence needs no preparation: state is read only where committed tokens left it.
  void commit(const StepPlan& plan, int index, int rows, const CachePoolView& pool,
              const Step& step, SequenceCache& cache) const;
  // The same for a step of the MTP block, whose rows `cache` counts by itself: a copy of the
  // sequence's own with a length that starts at 0.
  void commit_mtp(const StepPlan& plan, int index, int rows, const CachePoolView& pool,
                  const Step& step, SequenceCache& cache) const;

  // For checking: runs layer `layer` alone, streams [rows, streams, hidden] in place.
  void run_layer(int layer, const StepPlan& plan, const CachePoolView& pool, Step& step,
                 std::span<float> streams);
  // For checking: the streams before layer 0, [rows, streams, hidden].
  void embed(const StepPlan& plan, std::span<float> streams);

  // For checking: from now on forward() and commit() feed the model's drafter, which this gives.
  Drafting& feed_drafter();
  // For checking: a stage of the block drafter alone, on blocks that DsparkDrafting planned,
  // streams [rows, streams, hidden] in place; and its context keys from taps [rows, taps, hidden],
  // into the places of the step computed last.
  void run_drafter_stage(int stage, const StepPlan& plan, const CachePoolView& pool, Step& step,
                         std::span<float> streams);
  void feed_taps(const StepPlan& plan, std::span<const float> taps, const CachePoolView& pool,
                 Step& step);

  void set_observer(LayerObserver observer);
  // Where operations count their time; nullptr: nowhere. Must outlive its use here.
  void set_profile(OpProfile* profile);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
