// A request on its way through the engine: its tokens, its memory in the cache, and when what
// happened to it. Plain data; the scheduler moves it from list to list.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "cache/prefix_cache.h"
#include "cache/sequence_cache.h"
#include "cache/spill_file.h"
#include "engine/request.h"
#include "engine/sampler_state.h"

namespace hadal {

struct Sequence {
  GenerateRequest request;  // its prompt has moved to `tokens`, constraint and bans to `sampling`
  EventHandler on_event;
  std::shared_ptr<std::atomic<bool>> cancelled;
  int prompt_tokens = 0;
  std::vector<int32_t> tokens;  // prompt, then generated; the cache holds the first cache.length
  int token_limit = 0;          // prompt and answer
  SamplerState sampling;        // has advanced over the answer
  // Of the prompt's tokens from the second on, as far as they are known; where they are asked for.
  std::vector<TokenLogprobs> prompt_logprobs;
  std::optional<TokenEvent> stop_token;  // that ended the answer
  int64_t arrival = 0;  // given by the scheduler: the order of first come, first served

  // Belongs to SequenceMemory.
  SequenceCache cache;  // empty while the sequence waits
  std::optional<PrefixHandle> prefix;
  std::unique_ptr<PrefixCache::Promotion> promotion;  // a read of its prefix from disk is under way
  int promotions_tried = 0;                           // since it began to wait
  std::optional<SpilledSequence> spilled;             // made way, and is in the spill file
  std::vector<int> image_stops;  // lengths at which to take images, ascending, beyond cache.length
  int computed_length = 0;       // the greatest cache.length so far
  int cached_tokens = 0;         // of the prompt, that the prefix cache had when it first started

  std::chrono::steady_clock::time_point submitted;
  std::chrono::steady_clock::time_point started;      // its first step; epoch: never
  std::chrono::steady_clock::time_point first_token;  // epoch: none yet
  int64_t steps_before = 0;       // that the engine had begun when it took the request
  int64_t first_token_steps = 0;  // begun since then when the first token was sampled
  int drafted_tokens = 0;         // as in FinishEvent
  int kept_drafts = 0;
  double prefill_seconds = 0;  // as in RequestTiming
  double decode_seconds = 0;
  double draft_seconds = 0;

  int generated_tokens() const { return static_cast<int>(tokens.size()) - prompt_tokens; }
  int uncomputed_tokens() const { return static_cast<int>(tokens.size()) - cache.length; }
  // Tokens of the prompt whose log-probabilities are asked for and not known yet.
  int unscored_tokens() const {
    if (!request.prompt_logprobs) return 0;
    return prompt_tokens - 1 - static_cast<int>(prompt_logprobs.size());
  }
  // How much of a cached prefix it can use: at least one row is left to compute, and all rows whose
  // logits are asked for.
  int reusable_tokens() const {
    const size_t most = unscored_tokens() > 0 ? prompt_logprobs.size() : tokens.size() - 1;
    return static_cast<int>(most);
  }
  // Guesses that may be kept in a step before the token that must be the last.
  int room_for_drafts() const { return token_limit - static_cast<int>(tokens.size()) - 1; }
  // Whether nothing but its last token is left to compute, so that every step gives it a token.
  bool decodes() const { return uncomputed_tokens() == 1; }
};

// Whether `a` is served before `b`.
inline bool outranks(const Sequence& a, const Sequence& b) {
  if (a.request.priority != b.request.priority) return a.request.priority > b.request.priority;
  return a.arrival < b.arrival;
}

}  // namespace hadal
