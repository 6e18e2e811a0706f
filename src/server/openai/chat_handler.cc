#include "server/openai/chat_handler.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/v4/config.h"
#include "engine/engine.h"
#include "server/answer_delivery.h"
#include "server/api_error.h"
#include "server/openai/chat_reader.h"
#include "server/openai/chat_writer.h"

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
  ChatAnswerForm form{.model = std::move(request.model),
                      .legacy_functions = request.legacy_functions,
                      .hides_reasoning = request.hides_reasoning,
                      .usage_event = request.include_usage,
                      .logprobs = request.turn.sampling.top_logprobs.has_value()};
  exchange->release_body();  // the prompt's tokens are all that is needed from here on
  deliver_answer(exchange, service.engine, service.tokenizer,
                 {.turn = std::move(request.turn), .one_call = request.one_call},
                 std::make_unique<ChatWriter>(std::move(form), service.tokenizer), request.stream);
}

}  // namespace hadal
