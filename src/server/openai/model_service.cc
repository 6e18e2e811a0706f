#include "server/openai/model_service.h"

#include <algorithm>

#include "checkpoint/v4/config.h"
#include "engine/engine.h"
#include "server/api_error.h"

namespace hadal {
namespace {

// Agents know an answer that has outgrown the context by these words, and shorten the conversation.
ApiError context_error(int max_context, size_t prompt_tokens, int answer_tokens,
                       const PromptName& name) {
  const std::string tokens = std::to_string(prompt_tokens);
  const std::string noun(name.noun);
  std::string message = "This model's maximum context length is " + std::to_string(max_context) +
                        " tokens. However, ";
  if (answer_tokens == 0) {
    message += "your " + noun + " resulted in " + tokens +
               " tokens. Please reduce the length of the " + noun + ".";
  } else {
    message += "you requested " +
               std::to_string(prompt_tokens + static_cast<size_t>(answer_tokens)) + " tokens (" +
               tokens + " in the " + noun + ", " + std::to_string(answer_tokens) +
               " in the completion). Please reduce the length of the " + noun + " or completion.";
  }
  return {.status = 400,
          .message = std::move(message),
          .param = name.param,
          .code = "context_length_exceeded"};
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

RequestRules rules_of(const HttpRequest& request, const ModelService& service) {
  return {.model_names = service.model_names,
          .vocab_size = service.engine.config().vocab_size,
          .sampling = service.sampling,
          .efforts = service.efforts,
          .strict = wants_strict(request, service.strict)};
}

void check_context(const ChatTurn& turn, int max_context, bool strict, const PromptName& name) {
  const size_t prompt = turn.prompt.size();
  const auto most = static_cast<size_t>(max_context);
  if (prompt > most) throw ApiException(context_error(max_context, prompt, 0, name));
  const int least = turn.prompt_only ? 0 : 1;
  const int answer = std::max({least, turn.min_tokens, strict ? turn.max_tokens : 0});
  if (prompt + static_cast<size_t>(answer) > most) {
    throw ApiException(context_error(max_context, prompt, answer, name));
  }
}

}  // namespace hadal
