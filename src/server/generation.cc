#include "server/generation.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <variant>

namespace hadal {

Generation::Generation(Engine& engine, const Tokenizer& tokenizer, GenerationRequest request,
                       Post post)
    : engine_(engine),
      tokenizer_(tokenizer),
      request_(std::move(request)),
      post_(std::move(post)),
      reader_(tokenizer, request_.turn) {}

void GenerationUsage::add(const GenerationUsage& other) {
  prompt_tokens += other.prompt_tokens;
  completion_tokens += other.completion_tokens;
  reasoning_tokens += other.reasoning_tokens;
  cached_tokens += other.cached_tokens;
  drafted_tokens += other.drafted_tokens;
  kept_drafts += other.kept_drafts;
  if (!other.seconds) return;
  if (!seconds) seconds.emplace();
  seconds->queue = std::max(seconds->queue, other.seconds->queue);
  seconds->prefill += other.seconds->prefill;
  seconds->decode += other.seconds->decode;
  seconds->draft += other.seconds->draft;
}

void Generation::submit(const std::shared_ptr<GenerationListener>& listener,
                        std::chrono::steady_clock::time_point begin) {
  handle_ = engine_.submit(make_generate_request(engine_, tokenizer_, request_.turn, begin),
                           [this, listener](const GenerateEvent& event) {
                             post_([this, listener, event] { receive(*listener, event); });
                           });
}

void Generation::cancel() {
  over_ = true;
  handle_.cancel();
}

GenerationUsage Generation::usage() const {
  return {.prompt_tokens = static_cast<int>(request_.turn.prompt.size()),
          .completion_tokens = reader_.tokens(),
          .reasoning_tokens = reader_.reasoning_tokens(),
          .cached_tokens = cached_tokens_,
          .drafted_tokens = drafted_tokens_,
          .kept_drafts = kept_drafts_,
          .seconds = seconds_};
}

void Generation::receive(GenerationListener& listener, const GenerateEvent& event) {
  if (over_) return;
  try {
    if (const auto* token = std::get_if<TokenEvent>(&event)) {
      cached_tokens_ = token->cached_tokens;
      if (!complete_) receive_token(listener, *token);
    } else if (const auto* prompt = std::get_if<PromptEvent>(&event)) {
      listener.on_prompt(prompt->logprobs);
    } else {
      finish(listener, std::get<FinishEvent>(event));
    }
  } catch (const std::exception& error) {
    cancel();
    listener.on_error(Error(
        {.code = ErrorCode::kInternal, .what = std::string("internal fault: ") + error.what()}));
  }
}

void Generation::finish(GenerationListener& listener, const FinishEvent& event) {
  drafted_tokens_ = event.drafted_tokens;
  kept_drafts_ = event.kept_drafts;
  seconds_ = {.queue = event.timing.queue_seconds,
              .prefill = event.timing.prefill_seconds,
              .decode = event.timing.decode_seconds,
              .draft = event.timing.draft_seconds};
  if (complete_) {
    end(listener, FinishReason::kStop, reader_.tokens());
  } else if (event.error.has_value()) {
    over_ = true;
    listener.on_error(*event.error);
  } else if (event.reason == FinishReason::kCancelled) {
    over_ = true;
    listener.on_error(
        Error({.code = ErrorCode::kUnavailable, .what = "the server is shutting down"}));
  } else {
    cached_tokens_ = event.cached_tokens;
    if (event.stop_token) {
      listener.on_token({.token = event.stop_token->token,
                         .logprobs = event.stop_token->logprobs,
                         .is_stop = true});
    }
    deliver(listener, reader_.finish(event.reason != FinishReason::kStop));
    end(listener, event.reason, event.completion_tokens);
  }
}

void Generation::receive_token(GenerationListener& listener, const TokenEvent& token) {
  const int reasoning = reader_.reasoning_tokens();
  std::vector<CompletionEvent> events = reader_.push(token.token);
  listener.on_token({.token = token.token,
                     .logprobs = token.logprobs,
                     .is_reasoning = reader_.reasoning_tokens() > reasoning});
  deliver(listener, std::move(events));
  if (reader_.done() || (request_.one_call && tool_calls_ > 0)) {
    // The engine's share of the answer is told with the end of the step that it is in.
    handle_.cancel();
    complete_ = true;
  }
}

// Up to the end of the call that shall be the only one.
void Generation::deliver(GenerationListener& listener, std::vector<CompletionEvent> events) {
  if (request_.one_call && tool_calls_ > 0) return;
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].kind != CompletionEvent::Kind::kToolCall) continue;
    ++tool_calls_;
    if (request_.one_call) events.resize(i + 1);
  }
  if (!events.empty()) listener.on_delta(events);
}

void Generation::end(GenerationListener& listener, FinishReason reason, int completion_tokens) {
  over_ = true;
  GenerationEnd end{.reason = reason, .tool_calls = tool_calls_, .usage = usage()};
  end.usage.completion_tokens = completion_tokens;
  listener.on_end(end);
}

}  // namespace hadal
