// Guesses by the MTP block. Its row of position p reads the residual streams of p and the token at
// p + 1, and predicts the token after that; its own streams then take the place of the model's for
// a guess further on.
//
// A step's rows feed it with a lag of one: for tokens at [s, e) the rows [s - 1, e - 1), whose
// tokens are those of the step. So what a sequence carries (a window of keys up to its last
// position but one, and the streams of the last) depends on no token that is yet to come. Guesses
// are computed on a copy of the window, which they may overwrite.
#pragma once

#include <cstdint>
#include <vector>

#include "base/aligned_buffer.h"
#include "model/v4/drafting.h"

namespace hadal {

class MtpDrafting final : public Drafting {
 public:
  MtpDrafting(const ModelParts& model, ForwardPass& pass, OpContext& ops);

  void reserve(const StepLimits& limits) override;
  size_t memory_bytes() const override;
  void feed(const StepPlan& plan, const CachePoolView& pool, Step& step) override;
  void commit(OpContext& ops, const CommitArgs& args) const override;
  void begin(const StepPlan& plan, const CachePoolView& pool, const Step& step,
             std::span<const DraftStart> starts) override;
  void go_on(std::span<const DraftStep> steps) override;
  std::span<const float> logits() const override { return step_.logits; }
  std::span<const float> confidence() const override { return {}; }

  // Of a pass for so many sequences.
  static StepSize size_for(int sequences);
  static size_t bytes_for(const ModelConfig& config, const CacheLayout& layout,
                          const StepLimits& limits);

 private:
  // One row for each sequence that guesses.
  struct Rows {
    std::vector<int32_t> tokens;
    std::vector<int32_t> positions;
    std::vector<int32_t> of_draft;  // index among those that were begun, also its window's copy
    std::vector<int32_t> places;    // 0, 1, ...
    std::vector<int32_t> from;      // the rows that their streams come from
    std::vector<SequenceStep> sequences;
    void resize(size_t count);
  };

  // The plan of the drafter's rows of a step; valid until the next call.
  StepPlan lagging(const StepPlan& plan);
  StepPlan plan_of(const Rows& rows);
  void run();
  size_t stream_floats() const;
  CachePoolView windows();

  const ModelParts& model_;
  ForwardPass& pass_;
  OpContext& ops_;
  CacheLayout window_layout_;  // of a window alone
  std::vector<int32_t> lag_positions_;
  std::vector<SequenceStep> lag_sequences_;
  std::vector<int32_t> stream_rows_;
  Rows rows_;  // of the guesses computed last
  Rows next_;
  NoCompressions compressions_;
  AlignedBuffer<std::byte> windows_;
  AlignedBuffer<float> streams_;  // that the next rows read, [sequences, streams, hidden]
  Step step_;
};

}  // namespace hadal
