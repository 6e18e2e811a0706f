#include "server/openai/chat_writer.h"

#include <chrono>
#include <utility>

#include <nlohmann/json.hpp>

#include "server/api_error.h"
#include "server/random_id.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// Text is UTF-8 already; should it not be, a replacement is better than no answer.
std::string dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json usage_json(const GenerationUsage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
}

std::string event(const ordered_json& value) { return "data: " + dump(value) + "\n\n"; }

int64_t seconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

ChatWriter::ChatWriter(ChatAnswerForm form, const Tokenizer& tokenizer)
    : form_(std::move(form)),
      id_(make_random_id("chatcmpl-")),
      created_(seconds_now()),
      logprobs_(tokenizer, form_.logprobs) {}

void ChatWriter::add_token(const GeneratedToken& token) {
  if (form_.hides_reasoning && token.is_reasoning) return;
  logprobs_.add(token.token, token.logprobs);
}

ordered_json ChatWriter::head(const char* object) const {
  return {{"id", id_}, {"object", object}, {"created", created_}, {"model", form_.model}};
}

const char* ChatWriter::finish_reason(const GenerationEnd& end) const {
  if (end.reason == FinishReason::kLength) return "length";
  if (end.tool_calls == 0) return "stop";
  return form_.legacy_functions ? "function_call" : "tool_calls";
}

HttpResponse ChatWriter::whole(const ChatAnswer& answer, const GenerationEnd& end) {
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
  value["choices"] = ordered_json::array({std::move(choice)});
  value["usage"] = usage_json(end.usage);
  return {.body = dump(value) + "\n"};
}

HttpResponse ChatWriter::refusal(const ApiError& error) { return api_error_response(error); }

std::string ChatWriter::chunk(ordered_json delta, const char* finish_reason) {
  ordered_json choice = {{"index", 0}, {"delta", std::move(delta)}};
  if (logprobs_.wanted()) choice["logprobs"] = logprobs_.take();
  choice["finish_reason"] =
      finish_reason == nullptr ? ordered_json(nullptr) : ordered_json(finish_reason);
  ordered_json value = head("chat.completion.chunk");
  value["choices"] = ordered_json::array({std::move(choice)});
  if (form_.usage_event) value["usage"] = nullptr;
  return event(value);
}

HttpResponse ChatWriter::begin() {
  return {.content_type = "text/event-stream",
          .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}},
          .body = chunk({{"role", "assistant"}, {"content", ""}}, nullptr)};
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

std::string ChatWriter::delta(const CompletionEvent& completion_event) {
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
  return chunk(std::move(delta), nullptr);
}

std::string ChatWriter::end(const GenerationEnd& end) {
  std::string text = chunk(ordered_json::object(), finish_reason(end));
  if (form_.usage_event) {
    ordered_json last = head("chat.completion.chunk");
    last["choices"] = ordered_json::array();
    last["usage"] = usage_json(end.usage);
    text += event(last);
  }
  return text + "data: [DONE]\n\n";
}

std::string ChatWriter::error(const ApiError& error) {
  const std::string body = api_error_body(error);
  return "data: " + body.substr(0, body.find('\n')) + "\n\n";
}

}  // namespace hadal
