// One answer of the engine in the making: submit, cancel, and what comes of it as types. Knows
// neither an API's form nor HTTP; answer_delivery.h brings what it tells to a client.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "chat/turn.h"
#include "engine/engine.h"

namespace hadal {

struct GenerationRequest {
  ChatTurn turn;
  bool one_call = false;  // the answer ends after its first tool call
};

// A token of the answer.
struct GeneratedToken {
  int32_t token = 0;
  std::optional<TokenLogprobs> logprobs = {};  // where they were asked for
  bool is_reasoning = false;
  bool is_stop = false;  // ended the answer, whose text does not have it
};

// Where the engine's time went (RequestTiming).
struct GenerationSeconds {
  double queue = 0;
  double prefill = 0;
  double decode = 0;
  double draft = 0;
};

struct GenerationUsage {
  int prompt_tokens = 0;
  int completion_tokens = 0;
  int reasoning_tokens = 0;  // of the completion tokens
  int cached_tokens = 0;     // of the prompt tokens
  // Guesses of the answer's tokens, and how many of them it has.
  int drafted_tokens = 0;
  int kept_drafts = 0;
  std::optional<GenerationSeconds> seconds = {};  // from the end on, as the guesses

  // What several came to together; they queued as long as the one that queued longest.
  void add(const GenerationUsage& other);
};

struct GenerationEnd {
  FinishReason reason = FinishReason::kStop;  // kStop or kLength
  int tool_calls = 0;                         // that the answer made
  GenerationUsage usage = {};
};

// Hears of one generation, in order: the prompt where it was asked about, tokens and deltas, then
// one end or error, and nothing after it.
class GenerationListener {
 public:
  virtual ~GenerationListener() = default;
  // The prompt's tokens from the second on; only where their log-probabilities were asked for.
  virtual void on_prompt(std::vector<TokenLogprobs> logprobs) = 0;
  // Before the delta that the token is part of, or the end.
  virtual void on_token(const GeneratedToken& token) = 0;
  virtual void on_delta(const std::vector<CompletionEvent>& events) = 0;
  virtual void on_end(const GenerationEnd& end) = 0;
  virtual void on_error(const Error& error) = 0;
};

class Generation {
 public:
  // Runs a task on the thread where the listener hears; tasks keep their order.
  using Post = std::function<void(std::function<void()>)>;

  // Engine and tokenizer must outlive the generation.
  Generation(Engine& engine, const Tokenizer& tokenizer, GenerationRequest request, Post post);

  // Once, on the thread of `post`. `listener` must keep this generation alive: it is held until the
  // engine is done. The time that the turn may take runs from `begin`. Throws what Engine::submit
  // throws, and then nothing follows.
  void submit(const std::shared_ptr<GenerationListener>& listener,
              std::chrono::steady_clock::time_point begin);
  // Nothing is told from now on. Only on the thread of `post`.
  void cancel();

  // So far.
  GenerationUsage usage() const;

 private:
  void receive(GenerationListener& listener, const GenerateEvent& event);
  void receive_token(GenerationListener& listener, const TokenEvent& token);
  void deliver(GenerationListener& listener, std::vector<CompletionEvent> events);
  void finish(GenerationListener& listener, const FinishEvent& event);
  void end(GenerationListener& listener, FinishReason reason, int completion_tokens);

  Engine& engine_;
  const Tokenizer& tokenizer_;
  const GenerationRequest request_;
  const Post post_;
  AnswerReader reader_;
  RequestHandle handle_;
  int cached_tokens_ = 0;
  int tool_calls_ = 0;
  int drafted_tokens_ = 0;
  int kept_drafts_ = 0;
  std::optional<GenerationSeconds> seconds_;
  bool complete_ = false;  // the answer is; the engine has yet to say what it took
  bool over_ = false;
};

}  // namespace hadal
