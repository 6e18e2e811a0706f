#include "server/openai/chat_reader.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/unknown_fields.h"
#include "server/json_body.h"
#include "server/openai/conversation_fields.h"
#include "server/openai/known_fields.h"
#include "server/openai/thinking_fields.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

std::optional<int> read_top_logprobs(const Fields& body) {
  const bool wanted = body.boolean("logprobs").value_or(false);
  const std::optional<int> top = body.count("top_logprobs", 0);
  if (top.value_or(0) > 0 && !wanted) refuse_field("top_logprobs", "needs \"logprobs\": true");
  if (!wanted) return std::nullopt;
  return top.value_or(0);
}

}  // namespace

ChatCompletionRequest read_chat_completion_request(std::string_view body, const RequestRules& rules,
                                                   const Tokenizer& tokenizer) {
  ordered_json json = parse_json_body(body);
  return read_chat_completion_request(json, rules, tokenizer);
}

ChatCompletionRequest read_chat_completion_request(ordered_json& json, const RequestRules& rules,
                                                   const Tokenizer& tokenizer) {
  const Fields fields(json, "");
  UnknownFields unknown(rules.strict);
  ChatCompletionRequest request;
  request.model = read_model(fields, rules.model_names);
  check_chat_fields(fields, unknown);
  request.form = read_answer_form(fields, unknown);
  request.turn.sampling = read_sampling(fields, rules, read_top_logprobs(fields));
  request.turn.max_tokens = read_max_tokens(fields, 1).value_or(0);
  read_ends(fields, rules.vocab_size, request.turn);
  read_service(fields, request.turn);

  const ThinkingRequest thinking = read_thinking(fields, rules.efforts, unknown);
  request.hides_reasoning = thinking.hides_reasoning;
  request.one_call = !fields.boolean("parallel_tool_calls").value_or(true);
  AskedConversation conversation = read_conversation(json, thinking.options, unknown);
  request.legacy_functions = conversation.legacy_functions;
  request.one_call = request.one_call || conversation.legacy_functions;
  // What continues a message is past its reasoning.
  request.turn.thinking_mode =
      conversation.continues_last ? ThinkingMode::kChat : thinking.options.thinking_mode;
  for (const ChatMessage& message : conversation.messages) {
    for (const ChatTool& tool : message.tools) {
      if (tool.parameters) request.turn.tools.add(tool.name, *tool.parameters);
    }
  }
  request.turn.prompt = tokenize_prompt(
      tokenizer, encode_chat_pieces(std::move(conversation.messages), thinking.options));
  request.unknown_fields = unknown.names();
  return request;
}

}  // namespace hadal
