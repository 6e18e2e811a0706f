#include "server/chat_handler.h"

#include <exception>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "engine/engine.h"
#include "server/api_error.h"
#include "server/chat_request.h"
#include "server/chat_response.h"

namespace hadal {
namespace {

// A refusal of the engine as the API names it.
ApiError submit_error(const Error& error) {
  ApiError api = api_error_of(error);
  if (error.code() == ErrorCode::kResourceExhausted) {
    api.status = 400;
    api.param = "messages";
    api.code = "context_length_exceeded";
  } else if (error.code() == ErrorCode::kUnavailable) {
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
                 const std::string& model_name, ChatCompletionRequest request)
      : exchange_(std::move(exchange)),
        engine_(engine),
        tokenizer_(tokenizer),
        request_(std::move(request)),
        identity_(make_completion_identity(model_name)),
        logprobs_(tokenizer, request_.turn.sampling.top_logprobs.has_value()),
        chunks_(identity_, logprobs_, request_.include_usage),
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
        if (token->logprobs.has_value()) logprobs_.add(token->token, *token->logprobs);
        deliver(reader_.push(token->token));
        if (reader_.done()) {
          handle_.cancel();
          finish(FinishReason::kStop, reader_.tokens());
        }
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

  void deliver(const std::vector<CompletionEvent>& events) {
    std::string text;
    for (const CompletionEvent& event : events) {
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
    const char* name = finish_reason_name(reason, reader_.tool_calls());
    if (streaming_) {
      exchange_->write(chunks_.end(name, usage));
      exchange_->end();
    } else {
      exchange_->respond({.body = completion_body(identity_, answer_, logprobs_, name, usage)});
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
  LogprobsWriter logprobs_;
  const ChunkWriter chunks_;
  AnswerReader reader_;
  ChatAnswer answer_;
  RequestHandle handle_;
  int cached_tokens_ = 0;
  bool streaming_ = false;
  bool over_ = false;  // answered, or nobody waits for the answer
};

}  // namespace

void handle_chat_completion(const std::shared_ptr<Exchange>& exchange, Engine& engine,
                            const Tokenizer& tokenizer, const std::string& model_name) {
  const auto completion = std::make_shared<ChatCompletion>(
      exchange, engine, tokenizer, model_name,
      read_chat_completion_request(exchange->request().body, model_name, tokenizer));
  exchange->release_body();  // the prompt's tokens are all that is needed from here on
  exchange->post([completion] { completion->start(); });
}

}  // namespace hadal
