// What an engine asks of a model: the geometry of its cache, its vocabulary, and passes that
// compute steps. Models are read-only and shared; a pass is one computation with memory of its own,
// so that as many steps can be under way at once as there are passes. DeepSeek V4 is
// model/v4/v4_model.h.
//
// The contract: the logits of a token depend on the tokens before it and on nothing else, to the
// last bit: not on batch, chunking, threads, passes or dropped drafts.
#pragma once

#include <cstddef>
#include <cstdint>
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
  // Guesses that the model's drafter makes for a sequence, at most. 0: nobody asks it, and steps
  // leave nothing for it.
  int drafts = 0;
};

// What the model's own drafter is like.
struct ModelDrafter {
  int most_drafts = 0;            // for one sequence; 0: the model has none
  bool pass_for_each = false;     // each further guess takes a pass; otherwise one makes all
  bool tells_confidence = false;  // of each guess, how likely it is right
  int window = 0;                 // so many of the last tokens its state must know
};

// A sequence of the step computed last, that the drafter is to go on from.
struct DraftStart {
  int sequence = 0;   // index into the plan
  int rows = 0;       // of it that were committed
  int32_t token = 0;  // that follows them
};

// The guess that was chosen of the logits computed last.
struct DraftStep {
  int draft = 0;  // index into what the drafts were begun with
  int32_t token = 0;
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

  // Guesses by the model's drafter, if `reserve` said that there are some and the step fed it. They
  // begin where sequences of the step computed last stand after its commit, and go on for those
  // that are given, each with its token chosen: once for every token guessed. No cache is written.
  virtual void begin_drafts(const StepPlan& plan, const CachePoolView& pool,
                            std::span<const DraftStart> starts) = 0;
  virtual void continue_drafts(std::span<const DraftStep> steps) = 0;
  // Of the sequences given last, in their order: what the next token is guessed from,
  // [sequences, vocab], and how likely that guess is right, [sequences], or nothing.
  virtual std::span<const float> draft_logits() const = 0;
  virtual std::span<const float> draft_confidence() const = 0;

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
  virtual ModelDrafter drafter() const = 0;

  // Computes on `threads`, which outlive the pass; so does the model. Passes with the same threads
  // compute one at a time.
  virtual std::unique_ptr<ModelPass> make_pass(ThreadPool& threads) const = 0;
};

}  // namespace hadal
