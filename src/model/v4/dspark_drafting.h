// Guesses by the block drafter (DSpark). Its view of the past are, for each of its stages, keys
// made from the streams of some of the model's layers (taps) at the last positions; they depend on
// their own position alone. A block of the last token and of noise in the places after it goes
// through the stages at once, all its rows seeing each other, and each row predicts one token more;
// a bias that depends on the token chosen before makes them a sequence. It writes no state.
#pragma once

#include <cstdint>
#include <vector>

#include "base/aligned_buffer.h"
#include "model/v4/drafting.h"

namespace hadal {

class DsparkDrafting final : public Drafting {
 public:
  DsparkDrafting(const ModelParts& model, ForwardPass& pass, OpContext& ops);

  void reserve(const StepLimits& limits) override;
  size_t memory_bytes() const override;
  void feed(const StepPlan& plan, const CachePoolView& pool, Step& step) override;
  void commit(OpContext& ops, const CommitArgs& args) const override;
  void begin(const StepPlan& plan, const CachePoolView& pool, const Step& step,
             std::span<const DraftStart> starts) override;
  void go_on(std::span<const DraftStep> steps) override;
  std::span<const float> logits() const override { return logits_; }
  std::span<const float> confidence() const override { return confidence_; }
  std::span<const float> base_logits() const override { return step_.logits; }

  // The plan of blocks that begin where sequences of `plan` stand after the commit of so many rows;
  // valid until the next call.
  StepPlan blocks(const StepPlan& plan, std::span<const DraftStart> starts);

  // Of the blocks of so many sequences.
  static StepSize size_for(const ModelConfig& config, int sequences);
  static size_t bytes_for(const ModelConfig& config, const CacheLayout& layout,
                          const StepLimits& limits);

 private:
  // Of all sequences, beside the step.
  struct Buffers {
    float* y = nullptr;           // [sequences, block, hidden]
    float* embedding = nullptr;   // [sequences, rank], of the tokens before
    float* logits = nullptr;      // [sequences, vocab]
    float* base = nullptr;        // the same before the bias
    float* joined = nullptr;      // [sequences, hidden + rank]
    float* confidence = nullptr;  // [sequences]
  };
  static Buffers cut(MemoryCutter& cutter, const ModelConfig& config, int sequences);
  void place(int sequences);
  // What the rows at hand predict, of the drafts `of_draft_` at place `depth_`, after `tokens_`.
  void choose_from();

  const ModelParts& model_;
  ForwardPass& pass_;
  OpContext& ops_;
  AlignedBuffer<std::byte> memory_;
  Buffers buffers_;
  Step step_;

  std::vector<int32_t> block_tokens_;
  std::vector<int32_t> block_positions_;
  std::vector<int32_t> block_row_sequence_;
  std::vector<int32_t> block_rows_;
  std::vector<SequenceStep> block_sequences_;
  NoCompressions compressions_;

  std::vector<int32_t> of_draft_;  // [rows at hand]
  std::vector<int32_t> tokens_;    // [rows at hand]
  std::vector<int32_t> from_;      // [rows at hand]: their rows of the blocks
  int depth_ = 0;
  std::span<const float> logits_;
  std::span<const float> confidence_;
};

}  // namespace hadal
