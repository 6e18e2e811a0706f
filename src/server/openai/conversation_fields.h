// The conversation of a request in OpenAI's form: its messages (chat/openai_messages.h), the tools
// it offers, functions of before there were tools, and whether the answer continues the last
// message. Every refusal names the message or tool as the caller sent it.
#pragma once

#include <string>
#include <vector>

#include "chat/chat_encoding.h"
#include "chat/chat_messages.h"
#include "json/unknown_fields.h"

namespace hadal {

struct AskedConversation {
  std::vector<ChatMessage> messages;
  // The last message is an assistant's beginning, and the answer goes on from its end.
  bool continues_last = false;
  bool legacy_functions = false;  // tools came as `functions`: calls are told the old way
};

// Reads messages, tools, tool_choice, functions, function_call, continue_final_message and
// add_generation_prompt of the body `json`, whose contents are moved from. `options` says how the
// messages will be encoded.
AskedConversation read_conversation(nlohmann::ordered_json& json, const ChatOptions& options,
                                    UnknownFields& unknown);

}  // namespace hadal
