#include "server/chat_response.h"

#include <array>
#include <chrono>
#include <random>

#include <nlohmann/json.hpp>

namespace hadal {
namespace {

using nlohmann::ordered_json;

// Of random letters and digits.
std::string make_id(const std::string& prefix) {
  constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuv";
  std::random_device random;
  std::string id = prefix;
  for (int word = 0; word < 4; ++word) {
    uint32_t bits = random();
    for (int i = 0; i < 6; ++i, bits >>= 5) id += kLetters[bits & 31];
  }
  return id;
}

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
  return {.id = make_id("chatcmpl-"),
          .created = std::chrono::duration_cast<std::chrono::seconds>(now).count(),
          .model = model};
}

const char* finish_reason_name(FinishReason reason, int tool_calls) {
  if (reason == FinishReason::kLength) return "length";
  return tool_calls > 0 ? "tool_calls" : "stop";
}

std::string completion_body(const CompletionIdentity& identity, const ChatAnswer& answer,
                            LogprobsWriter& logprobs, const char* finish_reason,
                            const CompletionUsage& usage) {
  ordered_json message = {{"role", "assistant"}, {"content", answer.content}};
  if (answer.content.empty() && !answer.tool_calls.empty()) message["content"] = nullptr;
  if (!answer.reasoning.empty()) message["reasoning_content"] = answer.reasoning;
  for (const ParsedToolCall& call : answer.tool_calls) {
    message["tool_calls"].push_back(
        {{"id", make_id("call_")},
         {"type", "function"},
         {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
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
  if (usage_) value["usage"] = nullptr;
  return event(value);
}

std::string ChunkWriter::begin() const {
  return chunk({{"role", "assistant"}, {"content", ""}}, nullptr);
}

std::string ChunkWriter::delta(const CompletionEvent& completion_event) const {
  using Kind = CompletionEvent::Kind;
  ordered_json delta;
  switch (completion_event.kind) {
    case Kind::kReasoning:
      delta["reasoning_content"] = completion_event.text;
      break;
    case Kind::kContent:
      delta["content"] = completion_event.text;
      break;
    case Kind::kToolCall:
      delta["tool_calls"] =
          ordered_json::array({{{"index", completion_event.tool_call},
                                {"id", make_id("call_")},
                                {"type", "function"},
                                {"function",
                                 {{"name", completion_event.name},
                                  {"arguments", completion_event.text}}}}});
      break;
    case Kind::kFinish:
      return {};
  }
  return chunk(std::move(delta), nullptr);
}

std::string ChunkWriter::end(const char* finish_reason, const CompletionUsage& usage) const {
  std::string text = chunk(ordered_json::object(), finish_reason);
  if (usage_) {
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
