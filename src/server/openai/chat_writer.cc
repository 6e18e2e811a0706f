#include "server/openai/chat_writer.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "server/api_error.h"
#include "server/openai/answer_json.h"
#include "server/random_id.h"

namespace hadal {

using nlohmann::ordered_json;

ChatWriter::ChatWriter(ChatAnswerForm form, const Tokenizer& tokenizer)
    : form_(std::move(form)),
      id_(make_random_id("chatcmpl-")),
      created_(seconds_now()),
      logprobs_(tokenizer, form_.logprobs) {}

// There is one choice, and none of its prompt's tokens was asked about.
void ChatWriter::add_prompt(int /*choice*/, std::vector<TokenLogprobs> /*logprobs*/) {}

void ChatWriter::add_token(int /*choice*/, const GeneratedToken& token) {
  if (form_.token_ids) token_ids_.push_back(token.token);
  if (!token.logprobs || token.is_stop || (form_.hides_reasoning && token.is_reasoning)) return;
  logprobs_.add(token.token, *token.logprobs);
}

void ChatWriter::add_token_ids(ordered_json& choice) {
  if (form_.token_ids) choice["token_ids"] = std::exchange(token_ids_, {});
}

ordered_json ChatWriter::head(const char* object) const {
  return {{"id", id_}, {"object", object}, {"created", created_}, {"model", form_.model}};
}

const char* ChatWriter::finish_reason(const GenerationEnd& end) const {
  if (end.reason == FinishReason::kLength) return "length";
  if (end.tool_calls == 0) return "stop";
  return form_.legacy_functions ? "function_call" : "tool_calls";
}

HttpResponse ChatWriter::whole(const std::vector<AnswerChoice>& choices) {
  const auto& [answer, end] = choices.front();
  ordered_json message = {{"role", "assistant"}, {"content", answer.content}};
  if (answer.content.empty() && !answer.tool_calls.empty()) message["content"] = nullptr;
  if (!answer.reasoning.empty() && !form_.hides_reasoning) {
    message["reasoning_content"] = answer.reasoning;
  }
  for (const ParsedToolCall& call : answer.tool_calls) {
    ordered_json function = {{"name", call.name}, {"arguments", call.arguments}};
    if (form_.legacy_functions) {
      message["function_call"] = std::move(function);
      break;
    }
    message["tool_calls"].push_back(
        {{"id", make_random_id("call_")}, {"type", "function"}, {"function", std::move(function)}});
  }
  ordered_json value = head("chat.completion");
  ordered_json choice = {{"index", 0}, {"message", std::move(message)}};
  if (logprobs_.wanted()) choice["logprobs"] = logprobs_.take();
  choice["finish_reason"] = finish_reason(end);
  add_token_ids(choice);
  value["choices"] = ordered_json::array({std::move(choice)});
  value["usage"] = usage_json(end.usage);
  if (form_.token_ids) value["prompt_token_ids"] = form_.prompt;
  return {.body = dump_answer(value) + "\n"};
}

HttpResponse ChatWriter::refusal(const ApiError& error) { return api_error_response(error); }

std::string ChatWriter::chunk(ordered_json delta, const char* finish_reason,
                              const GenerationUsage& usage) {
  ordered_json choice = {{"index", 0}, {"delta", std::move(delta)}};
  if (logprobs_.wanted()) choice["logprobs"] = logprobs_.take();
  choice["finish_reason"] =
      finish_reason == nullptr ? ordered_json(nullptr) : ordered_json(finish_reason);
  add_token_ids(choice);
  ordered_json value = head("chat.completion.chunk");
  value["choices"] = ordered_json::array({std::move(choice)});
  if (form_.continuous_usage) {
    value["usage"] = usage_json(usage);
  } else if (form_.usage_event) {
    value["usage"] = nullptr;
  }
  if (form_.token_ids && !std::exchange(prompt_told_, true)) {
    value["prompt_token_ids"] = form_.prompt;
  }
  return answer_event(value);
}

HttpResponse ChatWriter::begin() {
  const GenerationUsage nothing_yet{.prompt_tokens = static_cast<int>(form_.prompt.size())};
  return event_stream(chunk({{"role", "assistant"}, {"content", ""}}, nullptr, nothing_yet));
}

ordered_json ChatWriter::call_delta(const CompletionEvent& completion_event) const {
  ordered_json function = {{"name", completion_event.name}, {"arguments", completion_event.text}};
  if (form_.legacy_functions) return {{"function_call", std::move(function)}};
  ordered_json call = {{"index", completion_event.tool_call},
                       {"id", make_random_id("call_")},
                       {"type", "function"},
                       {"function", std::move(function)}};
  return {{"tool_calls", ordered_json::array({std::move(call)})}};
}

std::string ChatWriter::delta(int /*choice*/, const CompletionEvent& completion_event,
                              const GenerationUsage& usage) {
  using Kind = CompletionEvent::Kind;
  ordered_json delta;
  switch (completion_event.kind) {
    case Kind::kReasoning:
      if (form_.hides_reasoning) return {};
      delta["reasoning_content"] = completion_event.text;
      break;
    case Kind::kContent:
      delta["content"] = completion_event.text;
      break;
    case Kind::kToolCall:
      delta = call_delta(completion_event);
      break;
    case Kind::kFinish:
      return {};
  }
  return chunk(std::move(delta), nullptr, usage);
}

std::string ChatWriter::end_choice(int /*choice*/, const GenerationEnd& end) {
  return chunk(ordered_json::object(), finish_reason(end), end.usage);
}

std::string ChatWriter::end(const GenerationUsage& all) {
  std::string text;
  if (form_.usage_event) {
    ordered_json last = head("chat.completion.chunk");
    last["choices"] = ordered_json::array();
    last["usage"] = usage_json(all);
    text = answer_event(last);
  }
  return text + "data: [DONE]\n\n";
}

std::string ChatWriter::error(const ApiError& error) { return error_event(error); }

}  // namespace hadal
