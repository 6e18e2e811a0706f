// What an engine asks of a model: the geometry of its cache, its vocabulary, and passes that
// compute steps. Models are read-only and shared; a pass is one computation with memory of its own,
// so that as many steps can be under way at once as there are passes. DeepSeek V4 is
// model/v4/v4_model.h.
//
// The contract: the logits of a token depend on the tokens before it and on nothing else, to the
// last bit: not on batch, chunking, threads, passes or dropped drafts.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/thread_pool.h"
#include "cache/cache_geometry.h"
#include "cache/sequence_cache.h"
#include "ops/step_plan.h"

namespace hadal {

// The largest step that is to come.
struct StepLimits {
  int rows = 0;
  int sequences = 0;
  int logit_rows = 0;
  int droppable_rows = 0;  // of all sequences
};

class ModelPass {
 public:
  virtual ~ModelPass() = default;

  // Takes the memory of all steps within `limits` now. A larger step takes more when it comes.
  virtual void reserve(const StepLimits& limits) = 0;
  virtual size_t memory_bytes() const = 0;

  // Computes the rows of `plan` and their logits. Advances nothing. Token ids must lie in
  // [0, vocab).
  virtual void forward(const StepPlan& plan, const CachePoolView& pool) = 0;
  // Of the step computed last, [logit rows of the plan, vocab].
  virtual std::span<const float> logits() const = 0;

  // Writes rows [first_row, rows) of sequence `index` of the step computed last into its blocks;
  // those before `first_row` were written earlier. rows >= the sequence's rows - droppable_rows.
  // Nothing of a later row is kept. On any thread, for different sequences at once.
  virtual void commit(const StepPlan& plan, int index, int first_row, int rows,
                      const CachePoolView& pool) const = 0;
};

class Model {
 public:
  virtual ~Model() = default;

  virtual const CacheGeometry& geometry() const = 0;
  // Tokens per compressed entry, of every compressor: what plans of steps list groups for.
  virtual std::span<const int> compression_ratios() const = 0;
  virtual int vocab_size() const = 0;
  virtual int max_positions() const = 0;
  // The bytes of all weights: whether they stay in a processor's cache.
  virtual size_t weight_bytes() const = 0;
  // How many tokens the model's own drafter proposes after each; 0: it has none.
  virtual int drafts() const = 0;

  // Computes on `threads`, which outlive the pass; so does the model. Passes with the same threads
  // compute one at a time.
  virtual std::unique_ptr<ModelPass> make_pass(ThreadPool& threads) const = 0;
};

}  // namespace hadal
