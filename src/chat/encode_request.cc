#include "chat/encode_request.h"

#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "chat/openai_messages.h"
#include "json/fields.h"

namespace hadal {

using nlohmann::ordered_json;

ChatOptions parse_chat_options(const ordered_json& request) {
  const Fields fields(request, "");
  ChatOptions options;
  options.thinking_mode =
      parse_thinking_mode(fields.required_string("thinking_mode"), "thinking_mode");
  if (const ordered_json* efforts = fields.find("reasoning_efforts")) {
    if (*efforts == "low-high-max") {
      options.efforts = ReasoningEfforts::kLowHighMax;
    } else if (*efforts != "high-max") {
      fields.refuse("reasoning_efforts", "must be \"high-max\" or \"low-high-max\"");
    }
  }
  if (const ordered_json* effort = fields.find("reasoning_effort")) {
    const bool has_low = options.efforts == ReasoningEfforts::kLowHighMax;
    if (has_low && *effort == "low") {
      options.reasoning_effort = ReasoningEffort::kLow;
    } else if (*effort == "high") {
      options.reasoning_effort = ReasoningEffort::kHigh;
    } else if (*effort == "max") {
      options.reasoning_effort = ReasoningEffort::kMax;
    } else {
      fields.refuse("reasoning_effort", has_low ? "must be null, \"low\", \"high\" or \"max\""
                                                : "must be null, \"high\" or \"max\"");
    }
  }
  options.drop_thinking = fields.boolean("drop_thinking").value_or(true);
  options.add_bos = fields.boolean("add_bos").value_or(true);
  return options;
}

std::string encode_chat(const ordered_json& request) {
  const Fields fields(request, "");
  std::vector<ChatMessage> messages = read_openai_messages(fields.at("messages"), "messages");
  std::vector<ChatMessage> context;
  if (const ordered_json* before = fields.find("context")) {
    context = read_openai_messages(*before, "context");
  }
  const std::vector<PromptPiece> pieces =
      encode_chat_pieces(std::move(messages), parse_chat_options(request), std::move(context));
  std::string prompt;
  for (const PromptPiece& piece : pieces) prompt += piece.text;
  return prompt;
}

}  // namespace hadal
