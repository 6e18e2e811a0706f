// The model's drafter within one pass: what a step leaves for it in the state of its sequences, and
// the guesses it makes from there (MTP: mtp_drafting.h, DSpark: dspark_drafting.h). Chooses no
// token.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cache/sequence_cache.h"
#include "model/model.h"
#include "model/v4/commit.h"
#include "model/v4/forward_pass.h"
#include "model/v4/step.h"
#include "ops/context.h"

namespace hadal {

class Drafting {
 public:
  virtual ~Drafting() = default;

  virtual void reserve(const StepLimits& limits) = 0;
  virtual size_t memory_bytes() const = 0;

  // Computes what the rows of the step that `step` holds leave for the drafter, into `step`.
  virtual void feed(const StepPlan& plan, const CachePoolView& pool, Step& step) = 0;
  // Writes that into the state of a sequence, for rows [args.first_row, args.rows) of the step.
  virtual void commit(OpContext& ops, const CommitArgs& args) const = 0;

  // As ModelPass's functions of these names.
  virtual void begin(const StepPlan& plan, const CachePoolView& pool, const Step& step,
                     std::span<const DraftStart> starts) = 0;
  virtual void go_on(std::span<const DraftStep> steps) = 0;
  virtual std::span<const float> logits() const = 0;
  virtual std::span<const float> confidence() const = 0;
  // For checking: of a drafter that computes all guesses at once, the logits of all of them before
  // what depends on the guesses chosen, [sequences begun, block, vocab].
  virtual std::span<const float> base_logits() const { return {}; }
};

// The compressions of a plan whose rows complete no entry: drafters compute layers without them.
class NoCompressions {
 public:
  // Of a plan of so many sequences; valid until the next call.
  std::span<const CompressionPlan> of(size_t sequences);

 private:
  std::vector<int32_t> first_group_;  // zeros
  std::array<CompressionPlan, 2> plans_ = {};
};

// What the drafter of a model is like, if it has one.
ModelDrafter drafter_of(const ModelConfig& config);

// Null for a model without a drafter. All must outlive it.
std::unique_ptr<Drafting> make_drafting(const ModelParts& model, ForwardPass& pass, OpContext& ops);

// A pass of the drafter in steps within `limits`.
StepSize drafting_size(const ModelConfig& config, const StepLimits& limits);

// Bytes that its buffers take for steps within `limits`, beside those of the pass.
size_t drafting_memory_bytes(const ModelConfig& config, const CacheLayout& layout,
                             const StepLimits& limits);

}  // namespace hadal
