#include "server/chat_response.h"

#include <chrono>

#include <nlohmann/json.hpp>

#include "server/random_id.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// Text is UTF-8 already; should it not be, a replacement is better than no answer.
std::string dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json head(const CompletionIdentity& identity, const char* object) {
  return {{"id", identity.id},
          {"object", object},
          {"created", identity.created},
          {"model", identity.model}};
}

ordered_json usage_json(const CompletionUsage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
}

std::string event(const ordered_json& value) { return "data: " + dump(value) + "\n\n"; }

}  // namespace

CompletionIdentity make_completion_identity(const std::string& model) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {.id = make_random_id("chatcmpl-"),
          .created = std::chrono::duration_cast<std::chrono::seconds>(now).count(),
          .model = model};
}

const char* finish_reason_name(FinishReason reason, int tool_calls, const AnswerForm& form) {
  if (reason == FinishReason::kLength) return "length";
  if (tool_calls == 0) return "stop";
  return form.legacy_functions ? "function_call" : "tool_calls";
}

std::string completion_body(const CompletionIdentity& identity, const ChatAnswer& answer,
                            LogprobsWriter& logprobs, const char* finish_reason,
                            const CompletionUsage& usage, const AnswerForm& form) {
  ordered_json message = {{"role", "assistant"}, {"content", answer.content}};
  if (answer.content.empty() && !answer.tool_calls.empty()) message["content"] = nullptr;
  if (!answer.reasoning.empty() && !form.hides_reasoning) {
    message["reasoning_content"] = answer.reasoning;
  }
  for (const ParsedToolCall& call : answer.tool_calls) {
    ordered_json function = {{"name", call.name}, {"arguments", call.arguments}};
    if (form.legacy_functions) {
      message["function_call"] = std::move(function);
      break;
    }
    message["tool_calls"].push_back(
        {{"id", make_random_id("call_")}, {"type", "function"}, {"function", std::move(function)}});
  }
  ordered_json value = head(identity, "chat.completion");
  ordered_json choice = {{"index", 0}, {"message", std::move(message)}};
  if (logprobs.wanted()) choice["logprobs"] = logprobs.take();
  choice["finish_reason"] = finish_reason;
  value["choices"] = ordered_json::array({std::move(choice)});
  value["usage"] = usage_json(usage);
  return dump(value) + "\n";
}

std::string ChunkWriter::chunk(ordered_json delta, const char* finish_reason) const {
  ordered_json choice = {{"index", 0}, {"delta", std::move(delta)}};
  if (logprobs_.wanted()) choice["logprobs"] = logprobs_.take();
  choice["finish_reason"] =
      finish_reason == nullptr ? ordered_json(nullptr) : ordered_json(finish_reason);
  ordered_json value = head(identity_, "chat.completion.chunk");
  value["choices"] = ordered_json::array({std::move(choice)});
  if (form_.usage_event) value["usage"] = nullptr;
  return event(value);
}

std::string ChunkWriter::begin() const {
  return chunk({{"role", "assistant"}, {"content", ""}}, nullptr);
}

ordered_json ChunkWriter::call_delta(const CompletionEvent& completion_event) const {
  ordered_json function = {{"name", completion_event.name}, {"arguments", completion_event.text}};
  if (form_.legacy_functions) return {{"function_call", std::move(function)}};
  ordered_json call = {{"index", completion_event.tool_call},
                       {"id", make_random_id("call_")},
                       {"type", "function"},
                       {"function", std::move(function)}};
  return {{"tool_calls", ordered_json::array({std::move(call)})}};
}

std::string ChunkWriter::delta(const CompletionEvent& completion_event) const {
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

std::string ChunkWriter::end(const char* finish_reason, const CompletionUsage& usage) const {
  std::string text = chunk(ordered_json::object(), finish_reason);
  if (form_.usage_event) {
    ordered_json last = head(identity_, "chat.completion.chunk");
    last["choices"] = ordered_json::array();
    last["usage"] = usage_json(usage);
    text += event(last);
  }
  return text + "data: [DONE]\n\n";
}

std::string error_event(const std::string& body) {
  return "data: " + body.substr(0, body.find('\n')) + "\n\n";
}

}  // namespace hadal
