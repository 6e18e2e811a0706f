// What a caller asks of the engine, and the events it hears back: what the prompt scored if that
// was asked for, tokens, then exactly one finish. Speaks token ids only; text, chat formats and
// HTTP live above (chat.h, src/server).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "engine/logit_probabilities.h"
#include "engine/sampler_options.h"
#include "engine/speculation.h"
#include "engine/token_constraint.h"

namespace hadal {

struct GenerateRequest {
  std::vector<int32_t> prompt;  // not empty; ids in [0, vocab)
  SamplingOptions sampling = {};
  // At most this many tokens; 0: as many as the context holds. Clipped to what the context holds.
  int max_tokens = 0;
  // There is no answer: the request ends with kLength once its prompt is computed. max_tokens and
  // sampling play no part.
  bool prompt_only = false;
  // Log-probabilities of the prompt's tokens, each with those of so many likeliest tokens. What
  // they are told of is computed, even where the cache knows it.
  std::optional<int> prompt_logprobs = {};
  std::vector<int32_t> stop_tokens = {};  // end the answer; not reported as TokenEvents
  // None of stop_tokens comes before so many tokens of the answer; at most max_tokens and what the
  // context holds.
  int min_tokens = 0;
  std::vector<int32_t> banned_tokens = {};  // never come
  // What may come next; may be null. Hears of every token of the answer but a stop token.
  std::shared_ptr<TokenConstraint> constraint = {};

  int priority = 0;  // greater is served first; among equals, first come, first served
  // Cached prefixes are shared with requests of the same salt only.
  std::string cache_salt = {};
  // Where in the prompt begins what the next turn of a conversation may render differently: what
  // follows the last message. 0: not known. Only the reuse of prefixes depends on it.
  int suffix_begin = 0;
  // How its tokens are guessed ahead, within what the engine does; none: as the engine does.
  // Changes no token.
  std::optional<Speculation> speculation = {};
  // Passed: the request ends with an error within a step.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
};

enum class FinishReason {
  kStop,       // a stop token
  kLength,     // max_tokens or the end of the context
  kCancelled,  // by RequestHandle::cancel or a shutdown
  kError,      // FinishEvent::error says why
};

struct TokenEvent {
  int32_t token = 0;
  int cached_tokens = 0;                       // of the prompt, as in FinishEvent
  std::optional<TokenLogprobs> logprobs = {};  // when the sampling options ask for them
};

// Before the first token, where the request asks for them and the prompt has more than one token.
struct PromptEvent {
  // [prompt tokens - 1]: of each token but the first, given those before it.
  std::vector<TokenLogprobs> logprobs = {};
};

struct RequestTiming {
  double queue_seconds = 0;        // from submit to the first step
  double first_token_seconds = 0;  // from submit to the first sampled token; 0: there was none
  double total_seconds = 0;        // from submit to the finish
  // Steps that began after submit, up to the one that sampled the first token; 0: there was none.
  int64_t first_token_steps = 0;
  // The request's shares of the steps that had rows of it, by what those rows cost: the shares of
  // all requests in a step add up to its duration. Decoding are the rows that each give a token
  // after the first; all others are prefill, what was lost and is computed again included.
  double prefill_seconds = 0;
  double decode_seconds = 0;
  // Its share of what the model's drafter took between steps, guesses counting alike.
  double draft_seconds = 0;
};

struct FinishEvent {
  FinishReason reason = FinishReason::kStop;
  int prompt_tokens = 0;
  int cached_tokens = 0;                      // of the prompt, not computed but found in the cache
  int completion_tokens = 0;                  // a stop token counts
  std::optional<Error> error;                 // with kError only
  std::optional<TokenEvent> stop_token = {};  // with kStop only: the token that ended the answer
  int drafted_tokens = 0;  // guesses of tokens of the answer that steps have checked
  int kept_drafts = 0;     // of them: sampled as well
  RequestTiming timing;
};

using GenerateEvent = std::variant<TokenEvent, PromptEvent, FinishEvent>;

// Called on the engine thread, in order: must return quickly and must not throw (a handler that
// throws cancels its request) or call Engine::shutdown. Released after the FinishEvent.
using EventHandler = std::function<void(const GenerateEvent&)>;

// The caller's end of a submitted request. Dropping it changes nothing.
class RequestHandle {
 public:
  RequestHandle() = default;
  explicit RequestHandle(std::shared_ptr<std::atomic<bool>> cancelled)
      : cancelled_(std::move(cancelled)) {}

  // Ends the request within one step; its FinishEvent still comes. From any thread, any number of
  // times, also after the finish.
  void cancel() const {
    if (cancelled_ != nullptr) cancelled_->store(true, std::memory_order_relaxed);
  }

 private:
  std::shared_ptr<std::atomic<bool>> cancelled_;
};

}  // namespace hadal
