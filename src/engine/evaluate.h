// The model over whole token sequences, for checking and scoring: logits of every position, or one
// layer alone. Serving goes through the engine instead.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/v4/v4_model.h"

namespace hadal {

struct EvaluateOptions {
  int chunk = 0;                           // rows per forward pass; 0: all at once
  std::span<const int> first_chunks = {};  // rows of the first passes, each at least 1
  bool mtp = false;                        // also run the MTP block
};

struct SequenceLogits {
  std::vector<float> logits;      // [tokens, vocab]
  std::vector<float> mtp_logits;  // [tokens - 1, vocab]; row i: streams of token i, embedding i + 1
};

// Throws Error kInvalidArgument when `ids` is empty, holds an id outside the vocabulary or exceeds
// the model's positions, or when the MTP block is asked of a model without one.
SequenceLogits evaluate_logits(V4Model& model, std::span<const int32_t> ids,
                               const EvaluateOptions& options);

struct SequenceDrafts {
  // Row a: the guesses of the block drafter after the token at a, which has not been through the
  // model.
  std::vector<float> logits;      // [tokens, block, vocab], before what depends on guesses
  std::vector<int32_t> ids;       // [tokens, block], the likeliest each, after it
  std::vector<float> confidence;  // [tokens, block]
};

// With every token as the last known one. Throws Error as evaluate_logits, and where the model has
// no block drafter.
SequenceDrafts evaluate_drafts(V4Model& model, std::span<const int32_t> ids, int chunk);

struct DrafterStageArgs {
  int stage = 0;
  std::span<const int32_t> ids = {};
  std::span<const float> taps = {};       // [ids, taps, hidden]
  std::span<const int32_t> anchors = {};  // positions in ids, ascending
  // [anchors, block, streams, hidden]; empty: the embeddings of the blocks.
  std::span<const float> streams = {};
};

// A stage of the block drafter alone, its context keys made from the taps:
// [anchors, block, streams, hidden]. Throws Error as evaluate_drafts.
std::vector<float> evaluate_drafter_stage(V4Model& model, const DrafterStageArgs& args);

// Layer `layer` alone over a whole sequence: streams [tokens, streams, hidden] in, the same out.
// Throws Error as evaluate_logits, and when `streams` has another size.
std::vector<float> evaluate_layer(V4Model& model, int layer, std::span<const int32_t> ids,
                                  std::span<const float> streams);

// The streams before layer 0, [tokens, streams, hidden].
std::vector<float> evaluate_embedding(V4Model& model, std::span<const int32_t> ids);

}  // namespace hadal
