#include "server/chat_handler.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "checkpoint/v4/config.h"
#include "engine/engine.h"
#include "server/api_error.h"
#include "server/chat_request.h"
#include "server/chat_response.h"

namespace hadal {
namespace {

// Agents know an answer that has outgrown the context by these words, and shorten the conversation.
ApiError context_error(int max_context, size_t prompt_tokens, int answer_tokens) {
  const std::string tokens = std::to_string(prompt_tokens);
  std::string message = "This model's maximum context length is " + std::to_string(max_context) +
                        " tokens. However, ";
  if (answer_tokens == 0) {
    message += "your messages resulted in " + tokens +
               " tokens. Please reduce the length of the "
               "messages.";
  } else {
    message += "you requested " +
               std::to_string(prompt_tokens + static_cast<size_t>(answer_tokens)) + " tokens (" +
               tokens + " in the messages, " + std::to_string(answer_tokens) +
               " in the completion). Please reduce the length of the messages or completion.";
  }
  return {.status = 400,
          .message = std::move(message),
          .param = "messages",
          .code = "context_length_exceeded"};
}

// max_tokens is a limit, which the end of the context keeps as well; who is strict wants room for
// it. min_tokens need room.
void check_context(const ChatTurn& turn, int max_context, bool strict) {
  const size_t prompt = turn.prompt.size();
  const auto most = static_cast<size_t>(max_context);
  if (prompt > most) throw ApiException(context_error(max_context, prompt, 0));
  const int answer = std::max({1, turn.min_tokens, strict ? turn.max_tokens : 0});
  if (prompt + static_cast<size_t>(answer) > most) {
    throw ApiException(context_error(max_context, prompt, answer));
  }
}

// Whether the request wants fields refused that are not known.
bool wants_strict(const HttpRequest& request, bool fallback) {
  constexpr char kHeader[] = "X-Hadal-Strict";
  const std::string_view value = request.header(kHeader);
  if (value.empty()) return fallback;
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  throw ApiException({.status = 400,
                      .message = std::string(kHeader) + ": must be true or false",
                      .param = kHeader,
                      .code = "invalid_value"});
}

// A refusal of the engine as the API names it.
ApiError submit_error(const Error& error) {
  ApiError api = api_error_of(error);
  if (error.code() == ErrorCode::kUnavailable) {
    api.status = 503;
    api.code = "unavailable";
  }
  return api;
}

// One answer in the making. Used on the server's thread only, once constructed; kept alive by the
// engine's event handler and the exchange.
class ChatCompletion : public std::enable_shared_from_this<ChatCompletion> {
 public:
  ChatCompletion(std::shared_ptr<Exchange> exchange, Engine& engine, const Tokenizer& tokenizer,
                 ChatCompletionRequest request)
      : exchange_(std::move(exchange)),
        engine_(engine),
        tokenizer_(tokenizer),
        request_(std::move(request)),
        identity_(make_completion_identity(request_.model)),
        form_{.legacy_functions = request_.legacy_functions,
              .hides_reasoning = request_.hides_reasoning,
              .usage_event = request_.include_usage},
        logprobs_(tokenizer, request_.turn.sampling.top_logprobs.has_value()),
        chunks_(identity_, logprobs_, form_),
        reader_(tokenizer, request_.turn) {}

  void start() {
    exchange_->on_abandoned([self = shared_from_this()] {
      self->over_ = true;
      self->handle_.cancel();
      self->note_usage();
    });
    if (over_) return;
    try {
      handle_ = engine_.submit(make_generate_request(engine_, tokenizer_, request_.turn),
                               [self = shared_from_this()](const GenerateEvent& event) {
                                 self->exchange_->post([self, event] { self->receive(event); });
                               });
    } catch (const Error& error) {
      fail(submit_error(error));
      return;
    }
    if (request_.stream) {
      exchange_->begin_stream(
          {.content_type = "text/event-stream",
           .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}},
           .body = chunks_.begin()});
      streaming_ = true;
    }
  }

 private:
  void receive(const GenerateEvent& event) {
    if (over_) return;
    try {
      if (const auto* token = std::get_if<TokenEvent>(&event)) {
        cached_tokens_ = token->cached_tokens;
        receive_token(*token);
        return;
      }
      const FinishEvent& end = std::get<FinishEvent>(event);
      if (end.error.has_value()) {
        fail(api_error_of(*end.error));
      } else if (end.reason == FinishReason::kCancelled) {
        fail({.status = 503, .message = "the server is shutting down", .code = "unavailable"});
      } else {
        cached_tokens_ = end.cached_tokens;
        deliver(reader_.finish(end.reason != FinishReason::kStop));
        finish(end.reason, end.completion_tokens);
      }
    } catch (const std::exception& error) {
      handle_.cancel();
      fail({.status = 500, .message = std::string("internal fault: ") + error.what()});
    }
  }

  void receive_token(const TokenEvent& token) {
    const int reasoning = reader_.reasoning_tokens();
    const std::vector<CompletionEvent> events = reader_.push(token.token);
    const bool is_hidden = form_.hides_reasoning && reader_.reasoning_tokens() > reasoning;
    if (token.logprobs.has_value() && !is_hidden) logprobs_.add(token.token, *token.logprobs);
    deliver(events);
    if (reader_.done() || has_its_call_) {
      handle_.cancel();
      finish(FinishReason::kStop, reader_.tokens());
    }
  }

  // Up to the end of the call that shall be the only one.
  void deliver(const std::vector<CompletionEvent>& events) {
    std::string text;
    for (const CompletionEvent& event : events) {
      if (has_its_call_) break;
      const bool is_call = event.kind == CompletionEvent::Kind::kToolCall;
      if (is_call) ++tool_calls_;
      has_its_call_ = request_.one_call && is_call;
      if (streaming_) {
        text += chunks_.delta(event);
      } else {
        answer_.add(event);
      }
    }
    if (!text.empty()) exchange_->write(std::move(text));
  }

  void finish(FinishReason reason, int completion_tokens) {
    over_ = true;
    const CompletionUsage usage{.prompt_tokens = static_cast<int>(request_.turn.prompt.size()),
                                .completion_tokens = completion_tokens,
                                .reasoning_tokens = reader_.reasoning_tokens(),
                                .cached_tokens = cached_tokens_};
    exchange_->set_usage(usage.prompt_tokens, usage.completion_tokens);
    const char* name = finish_reason_name(reason, tool_calls_, form_);
    if (streaming_) {
      exchange_->write(chunks_.end(name, usage));
      exchange_->end();
    } else {
      exchange_->respond(
          {.body = completion_body(identity_, answer_, logprobs_, name, usage, form_)});
    }
  }

  // Before the first part of a stream with its status, later as an event.
  void fail(const ApiError& error) {
    over_ = true;
    note_usage();
    if (streaming_) {
      exchange_->write(error_event(api_error_body(error)));
      exchange_->end();
    } else {
      exchange_->respond(api_error_response(error));
    }
  }

  void note_usage() {
    exchange_->set_usage(static_cast<int>(request_.turn.prompt.size()), reader_.tokens());
  }

  const std::shared_ptr<Exchange> exchange_;
  Engine& engine_;
  const Tokenizer& tokenizer_;
  const ChatCompletionRequest request_;
  const CompletionIdentity identity_;
  const AnswerForm form_;
  LogprobsWriter logprobs_;
  const ChunkWriter chunks_;
  AnswerReader reader_;
  ChatAnswer answer_;
  RequestHandle handle_;
  int cached_tokens_ = 0;
  int tool_calls_ = 0;
  bool has_its_call_ = false;  // of an answer that may have one: it is whole
  bool streaming_ = false;
  bool over_ = false;  // answered, or nobody waits for the answer
};

}  // namespace

void handle_chat_completion(const std::shared_ptr<Exchange>& exchange, const ChatService& service) {
  const ChatRequestRules rules{.model_names = service.model_names,
                               .vocab_size = service.engine.config().vocab_size,
                               .sampling = service.sampling,
                               .strict = wants_strict(exchange->request(), service.strict)};
  ChatCompletionRequest request =
      read_chat_completion_request(exchange->request().body, rules, service.tokenizer);
  check_context(request.turn, service.engine.max_context(), rules.strict);
  if (!request.unknown_fields.empty() && service.on_unknown_fields) {
    service.on_unknown_fields(request.unknown_fields);
  }
  const auto completion = std::make_shared<ChatCompletion>(exchange, service.engine,
                                                           service.tokenizer, std::move(request));
  exchange->release_body();  // the prompt's tokens are all that is needed from here on
  exchange->post([completion] { completion->start(); });
}

}  // namespace hadal
