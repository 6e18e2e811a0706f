// Messages in the form of OpenAI's API, read into the types of chat_messages.h: one reader of
// several; other APIs' forms get readers of their own. Every field is checked here, once, and every
// refusal is a FieldError that names the message as the caller sent it
// ("messages[3].content[1].type"). Encoding is chat_encoding.h's.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "chat/chat_messages.h"
#include "json/unknown_fields.h"

namespace hadal {

// The form of the released encoder: OpenAI's with V4's own additions (tools and response_format on
// a system or developer message, reasoning_content, task, wo_eos, role latest_reminder), and the
// roles as they stand. Parts that are no text become "[Unsupported TYPE]". `path`: the array's.
std::vector<ChatMessage> read_openai_messages(nlohmann::ordered_json messages,
                                              const std::string& path = "messages");

struct AgentMessages {
  std::vector<ChatMessage> messages;
  std::vector<std::string> roles;  // of each, as the caller spelled it; empty where there is none
};

// The form in which agents send conversations to a server: the same with the neighbours' spellings
// (OpenRouter's reasoning, function_call, refusal, content in many shapes). System and developer
// messages are both the model's system messages, and at the end of a conversation they are put to
// it as a user's. Pictures that were just sent are refused. Takes the strings out of `messages`,
// and names in `unknown` what it does not know. Refuses an empty array.
AgentMessages read_agent_messages(nlohmann::ordered_json& messages, UnknownFields& unknown);

}  // namespace hadal
