// The request of `hadal text encode-chat`: one JSON object with messages in the released form and
// the options of their encoding. Its answer is the prompt as text.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "chat/chat_encoding.h"

namespace hadal {

// The options of {"thinking_mode": "chat", "reasoning_effort": null|"high"|"max",
// "reasoning_efforts": "high-max"|"low-high-max", "drop_thinking": true, "add_bos": true};
// thinking_mode is required, and the effort "low" belongs to the second list. Throws FieldError.
ChatOptions parse_chat_options(const nlohmann::ordered_json& request);

// From {"messages": [...], "thinking_mode": ...} with the members of parse_chat_options and
// optionally "context": messages that are in the cache already. Throws FieldError.
std::string encode_chat(const nlohmann::ordered_json& request);

}  // namespace hadal
