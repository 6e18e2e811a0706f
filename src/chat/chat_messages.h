// A conversation as types, whatever API it came through: roles, blocks of text and tool results,
// reasoning, calls, tools. Tool results are merged into user messages and put in the order of their
// calls, old reasoning is dropped (rules 2, 3 and 5 of docs/text.md). The APIs' forms have readers
// of their own (openai_messages.h); chat_encoding.h turns the result into text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "chat/tool_schemas.h"
#include "json/json_reader.h"

namespace hadal {

enum class ChatRole { kSystem, kUser, kDeveloper, kAssistant, kTool, kLatestReminder };

// One argument of a past tool call: strings are pasted raw, everything else is JSON text already.
struct ChatArgument {
  std::string name;
  std::string value;
  bool is_string = false;
};

struct ChatToolCall {
  std::string id;  // may be empty
  std::string name;
  std::vector<ChatArgument> arguments;
};

// A part of a user message: what the user wrote, or the result of a tool.
struct ChatBlock {
  std::string text;
  bool is_tool_result = false;
  std::string tool_call_id = {};
};

// A function that the model may call.
struct ChatTool {
  std::string text;                          // its description as the prompt has it, JSON
  std::string name;                          // may be empty
  std::optional<ToolParameters> parameters;  // none where it declares no properties
};

struct ChatMessage {
  ChatRole role = ChatRole::kUser;
  std::string content;            // of every role but user and tool
  std::vector<ChatBlock> blocks;  // of user messages
  std::string reasoning;
  std::vector<ChatToolCall> tool_calls;
  std::vector<ChatTool> tools;
  std::optional<std::string> response_format;  // JSON text
  std::optional<std::string> task;             // one of action, query, authority ...
  bool without_eos = false;
};

// The arguments of a call as a JSON object, or as JSON text; text that is no JSON object is kept as
// one string named "arguments": the model wrote it and is shown it again as it was.
std::vector<ChatArgument> chat_arguments(const nlohmann::ordered_json& object);
std::vector<ChatArgument> chat_arguments(std::string_view text, JsonRules rules = {});

// From {"name", "description", "parameters"}, as the prompt and the reading of calls need it.
ChatTool make_chat_tool(const nlohmann::ordered_json& function);

ChatMessage system_message(std::string text);
ChatMessage user_message(std::string text);

// Turns tool messages into blocks of user messages and joins consecutive user messages.
std::vector<ChatMessage> merge_user_messages(std::vector<ChatMessage> messages);

// Within each user message, puts the tool results in the order in which the latest assistant
// message before it made the calls; other blocks keep their places.
void sort_tool_results(std::vector<ChatMessage>& messages);

// The index of the last user or developer message, or -1.
std::ptrdiff_t last_user_index(const std::vector<ChatMessage>& messages);

// Before the last user or developer message: takes the reasoning of assistants and removes
// developer messages. Returns how many of the first `context_size` messages are left.
size_t drop_old_reasoning(std::vector<ChatMessage>& messages, size_t context_size);

}  // namespace hadal
