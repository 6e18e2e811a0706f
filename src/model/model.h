// DeepSeek V4 as a function: token rows of some sequences in, logits out. Holds the weights' views
// and the working memory of the threads; caches belong to the caller, and only commit() writes
// them. One forward pass serves prefill, decode and verification alike.
//
// The contract: the logits of a token depend on the tokens before it and on nothing else, to the
// last bit: not on batch, chunking, threads or dropped drafts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/thread_pool.h"
#include "cache/sequence_cache.h"
#include "checkpoint/v4/checkpoint.h"
#include "model/batch.h"
#include "model/v4/cache_layout.h"
#include "model/v4/int8_weights.h"
#include "model/v4/step.h"
#include "ops/isa.h"
#include "ops/linear.h"

namespace hadal {

struct ModelOptions {
  Isa isa = best_isa();
  ActivationPolicy activations = ActivationPolicy::kFp8;
  int page_tokens = kDefaultPageTokens;
  RopeStorage rope_storage = RopeStorage::kBf16;  // of cached keys
  Int8WeightsOptions int8_weights = {};           // used under the int8 policy
};

// Sees intermediate results of every layer, for checking; called on the caller's thread.
struct LayerObserver {
  // chosen [rows, index_topk], ascending, -1 padded; CSA layers only.
  std::function<void(int layer, std::span<const int32_t> chosen)> on_indexer;
  // experts [rows, experts_per_token], ascending.
  std::function<void(int layer, std::span<const int32_t> experts)> on_experts;
};

class Model {
 public:
  // `checkpoint` and `threads` must outlive the model.
  Model(const Checkpoint& checkpoint, ThreadPool& threads, const ModelOptions& options);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelConfig& config() const;
  const CacheLayout& cache_layout() const;
  bool has_mtp() const { return config().drafter == DrafterKind::kMtp; }

  // Computes the rows of `plan` (a kMain plan) into step.streams, and step.logits for its logit
  // rows. Advances nothing. Token ids must lie in [0, vocab).
  void forward(const StepPlan& plan, const CachePoolView& pool, Step& step);

  // The same on the calling thread alone, which is thread `thread` of the pool: bodies of a
  // parallel_for may compute steps of their own at once. Observers and profiles see nothing of it.
  void forward_on_thread(int thread, const StepPlan& plan, const CachePoolView& pool, Step& step);

  // The MTP block. Row i of `plan` (a kDrafter plan) holds the token that follows position i, and
  // streams [rows, streams, hidden] the main model's residual streams of position i; step.logits
  // then predict the token after that one, and step.streams can feed a further draft.
  void forward_mtp(const StepPlan& plan, std::span<const float> streams, const CachePoolView& pool,
                   Step& step);

  // Writes the first `rows` rows of sequence `index` of the plan into its cache and advances its
  // length. rows >= the sequence's rows - droppable_rows. Nothing of a later row is kept. After
  // that more of the rows can be committed, with `rows` counted from the first again. A fresh
  // sequence needs no preparation: state is read only where committed tokens left it.
  void commit(const StepPlan& plan, int index, int rows, const CachePoolView& pool,
              const Step& step, SequenceCache& cache) const;
  // The same for a kDrafter step; advances drafter_length.
  void commit_mtp(const StepPlan& plan, int index, int rows, const CachePoolView& pool,
                  const Step& step, SequenceCache& cache) const;

  // For checking: runs layer `layer` alone, streams [rows, streams, hidden] in place.
  void run_layer(int layer, const StepPlan& plan, const CachePoolView& pool, Step& step,
                 std::span<float> streams);
  // For checking: the streams before layer 0, [rows, streams, hidden].
  void embed(const StepPlan& plan, std::span<float> streams);

  void set_observer(LayerObserver observer);
  // Where operations count their time; nullptr: nowhere. Must outlive its use here.
  void set_profile(OpProfile* profile);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
