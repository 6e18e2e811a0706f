// A conversation as the prompt encoder sees it: request messages read and checked, tool results
// merged into user messages and put in the order of their calls, old reasoning dropped (rules 2, 3
// and 5 of docs/text.md). chat_encoding.h turns the result into text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

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

struct ChatMessage {
  ChatRole role = ChatRole::kUser;
  std::string content;            // of every role but user and tool
  std::vector<ChatBlock> blocks;  // of user messages
  std::string reasoning;
  std::vector<ChatToolCall> tool_calls;
  std::vector<std::string> tools;              // the JSON text of each function
  std::optional<std::string> response_format;  // JSON text
  std::optional<std::string> task;             // one of action, query, authority ...
  bool without_eos = false;
};

// Reads one message in the OpenAI form, which errors call `name`. Throws Error (kInvalidArgument)
// that names the message and the field, for example "messages[3].content".
ChatMessage read_chat_message(const nlohmann::ordered_json& message, const std::string& name);

// Reads an array of them.
std::vector<ChatMessage> read_chat_messages(const nlohmann::ordered_json& messages,
                                            std::string_view name);

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
