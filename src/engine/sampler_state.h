// What one request lays on its logits before a token is chosen, and the tokens it remembers for
// that: penalties, bias, a constraint and bans. Follows the sequence with advance and rollback, so
// that a draft can be tried and taken back. Belongs to the engine thread once the request runs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/sampler_options.h"
#include "engine/token_constraint.h"

namespace hadal {

// Tokens that may not come, whatever their logits. Ids outside the vocabulary ban nothing.
struct TokenBans {
  std::vector<int32_t> always = {};
  std::vector<int32_t> early = {};  // not among the first `early_until` tokens of the answer
  int early_until = 0;
};

class SamplerState {
 public:
  SamplerState() = default;
  // `options` have passed check_sampling_options with the model's vocabulary; `prompt` is only read
  // here. `constraint` may be null.
  SamplerState(SamplingOptions options, std::span<const int32_t> prompt,
               std::shared_ptr<TokenConstraint> constraint = nullptr, TokenBans bans = {});

  const SamplingOptions& options() const { return options_; }
  // False: apply would change nothing at this place of the answer.
  bool changes_logits() const;

  // In place, in this order: repetition penalty, frequency and presence penalty, bias, constraint,
  // bans. The constraint is stronger than a bias of +100: when it allows none of those tokens, they
  // are no more than others. It is stronger than the bans too: where it allows nothing else, banned
  // tokens may come (a text that is complete can only end). Throws Error kInvalidArgument when no
  // token is left, and what the constraint throws.
  void apply(std::span<float> logits);

  // A token of the answer. Throws what the constraint throws.
  void advance(int32_t token);
  // Takes the last `count` tokens back, at most as many as advanced.
  void rollback(int count);

 private:
  struct Occurrence {
    int32_t token = 0;
    int in_answer = 0;
    bool in_prompt = false;
  };

  bool has_penalties() const;
  Occurrence& occurrence(int32_t token);
  void apply_penalties(std::span<float> logits) const;
  void apply_bias(std::span<float> logits);
  void apply_constraint(std::span<float> logits);
  void apply_bans(std::span<float> logits) const;
  bool bans_early() const { return answer_tokens_ < bans_.early_until && !bans_.early.empty(); }
  void apply_forced(std::span<float> logits) const;

  SamplingOptions options_;
  std::shared_ptr<TokenConstraint> constraint_;
  TokenBans bans_;
  int answer_tokens_ = 0;
  // Kept only while a penalty asks for them.
  std::vector<Occurrence> occurrences_;
  std::unordered_map<int32_t, size_t> places_;  // in occurrences_
  std::vector<int32_t> answer_;
  std::vector<uint64_t> mask_;
};

}  // namespace hadal
