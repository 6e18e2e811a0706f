#include "chat/openai_messages.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "chat/openai_content.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, 17> kMessageFields = {"role",
                                                             "content",
                                                             "name",
                                                             "tool_calls",
                                                             "tool_call_id",
                                                             "reasoning",
                                                             "reasoning_content",
                                                             "function_call",
                                                             "prefix",
                                                             "reasoning_details",
                                                             "refusal",
                                                             "annotations",
                                                             "tools",
                                                             "task",
                                                             "response_format",
                                                             "wo_eos",
                                                             "id"};
constexpr std::array<std::string_view, 4> kToolCallFields = {"id", "type", "function", "index"};
constexpr std::array<std::string_view, 2> kCallFields = {"name", "arguments"};

constexpr std::array<std::pair<std::string_view, ChatRole>, 6> kRoles = {{
    {"system", ChatRole::kSystem},
    {"user", ChatRole::kUser},
    {"developer", ChatRole::kDeveloper},
    {"assistant", ChatRole::kAssistant},
    {"tool", ChatRole::kTool},
    {"latest_reminder", ChatRole::kLatestReminder},
}};

constexpr std::array<std::string_view, 6> kTasks = {"action", "query", "authority",
                                                    "domain", "title", "read_url"};

std::string list_names(const auto& names) {
  std::string list;
  for (const std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
  return list;
}

bool is_blank_string(const ordered_json& value) {
  return value.is_string() &&
         value.get_ref<const std::string&>().find_first_not_of(" \t\r\n") == std::string::npos;
}

class MessageReader {
 public:
  // `unknown`: of the agents' form; nullptr for the released one.
  MessageReader(ordered_json& messages, std::string path, UnknownFields* unknown)
      : messages_(messages), path_(std::move(path)), unknown_(unknown) {}

  std::vector<ChatMessage> read() {
    if (!messages_.is_array()) refuse_type(path_, messages_, "must be an array");
    for (size_t i = 0; i < messages_.size(); ++i) {
      roles_.push_back(Fields(messages_[i], path(i)).string("role").value_or(std::string()));
    }
    std::vector<ChatMessage> read;
    read.reserve(messages_.size());
    for (size_t i = 0; i < messages_.size(); ++i) read.push_back(read_message(i));
    return read;
  }

  std::vector<std::string> take_roles() { return std::move(roles_); }

 private:
  bool is_from_agent() const { return unknown_ != nullptr; }
  std::string path(size_t index) const { return element_path(path_, index); }

  ChatMessage read_message(size_t index) {
    const Fields fields(messages_[index], path(index));
    if (is_from_agent()) unknown_->check(fields, kMessageFields);
    ChatMessage message;
    message.role = read_role(fields, index);
    ContentText content = take_content(fields, index);
    message.reasoning =
        is_from_agent() ? read_reasoning(fields) : fields.string("reasoning_content").value_or("");
    if (message.reasoning.empty()) message.reasoning = std::move(content.reasoning);
    fields.each("tool_calls", [&](const ordered_json& call, const std::string& call_path) {
      message.tool_calls.push_back(read_tool_call(call, call_path));
    });
    if (is_from_agent() && message.role == ChatRole::kAssistant) {
      const std::optional<std::string> refusal = fields.string("refusal");
      // A refusal is what the assistant said.
      if (refusal.has_value() && content.text.empty()) content.text = *refusal;
      read_function_call(fields, message);
    }
    if (message.role == ChatRole::kDeveloper && content.text.empty()) {
      fields.refuse("content", "is empty in a developer message; send its text or leave it out");
    }
    if (message.role == ChatRole::kUser || message.role == ChatRole::kTool) {
      message.blocks.push_back({.text = std::move(content.text),
                                .is_tool_result = message.role == ChatRole::kTool,
                                .tool_call_id = fields.string("tool_call_id").value_or("")});
    } else {
      message.content = std::move(content.text);
    }
    read_additions(fields, message);
    return message;
  }

  // V4's own.
  static void read_additions(const Fields& fields, ChatMessage& message) {
    fields.each("tools", [&](const ordered_json& element, const std::string& tool_path) {
      const Fields tool(element, tool_path);
      const ordered_json* function = tool.object(
          "function", "must be an object: {\"type\": \"function\", \"function\": {...}}");
      if (function == nullptr) tool.refuse("function", "is missing", FieldFault::kMissing);
      message.tools.push_back(make_chat_tool(*function));
    });
    if (const ordered_json* format = fields.find("response_format"); format && !format->empty()) {
      message.response_format = dump_json(*format);
    }
    message.task = fields.string("task");
    if (message.task && std::find(kTasks.begin(), kTasks.end(), *message.task) == kTasks.end()) {
      fields.refuse("task", "unknown task \"" + printable(*message.task, 40) + "\"; use one of " +
                                list_names(kTasks));
    }
    message.without_eos = fields.boolean("wo_eos").value_or(false);
  }

  // In the agents' form developer messages are system messages (the model knows the role for
  // another purpose), and the results of functions are those of tools. What ends the conversation
  // is there to be answered, and the model answers users: with tools of its own it is what the
  // model calls a developer.
  ChatRole read_role(const Fields& fields, size_t index) {
    const std::string& name = roles_[index];
    if (is_from_agent()) {
      const bool has_instructions = holds(fields, "tools") || holds(fields, "response_format");
      if (name == "system" || name == "developer") {
        if (index + 1 < messages_.size()) return ChatRole::kSystem;
        return has_instructions ? ChatRole::kDeveloper : ChatRole::kUser;
      }
      for (const char* key : {"tools", "response_format"}) {
        if (holds(fields, key)) unknown_->add(fields.path(key));
      }
      if (name == "function") return ChatRole::kTool;
    }
    for (const auto& [known, role] : kRoles) {
      if (known == name) return role;
    }
    if (!fields.has("role")) fields.refuse("role", "is missing", FieldFault::kMissing);
    std::array<std::string_view, kRoles.size()> names;
    std::transform(kRoles.begin(), kRoles.end(), names.begin(),
                   [](const auto& entry) { return entry.first; });
    fields.refuse("role",
                  "unknown role \"" + printable(name, 40) + "\"; use one of " + list_names(names));
  }

  static bool holds(const Fields& fields, const char* key) {
    const ordered_json* value = fields.find(key);
    return value != nullptr && !value->empty();
  }

  bool is_result(size_t index) const {
    return roles_[index] == "tool" || (is_from_agent() && roles_[index] == "function");
  }

  // A picture that a user has just sent cannot be answered about. One that a tool gave, or that
  // stands in the history, must not end the session.
  bool refuses_media(size_t index) const {
    const bool is_last = index + 1 == messages_.size();
    const bool follows_result = index > 0 && is_result(index - 1);
    return is_from_agent() && is_last && !is_result(index) && !follows_result;
  }

  ContentText take_content(const Fields& fields, size_t index) {
    const auto found = messages_[index].find("content");
    if (found == messages_[index].end() || found->is_null()) return {};
    return read_content_text(
        *found, fields.path("content"),
        {.is_tool_result = is_result(index), .refuses_media = refuses_media(index)});
  }

  // The first of these that holds any: reasoning_content (DeepSeek), reasoning and
  // reasoning_details (OpenRouter).
  static std::string read_reasoning(const Fields& fields) {
    std::string text = fields.string("reasoning_content").value_or("");
    if (text.empty()) text = fields.string("reasoning").value_or("");
    if (!text.empty()) return text;
    fields.each("reasoning_details", [&](const ordered_json& element, const std::string& path) {
      const Fields detail(element, path);
      std::optional<std::string> part = detail.string("text");
      if (!part.has_value()) part = detail.string("summary");
      text += part.value_or("");
    });
    return text;
  }

  // {"name", "arguments"} of before there were tools.
  void read_function_call(const Fields& fields, ChatMessage& message) {
    const ordered_json* call = fields.find("function_call");
    if (call == nullptr) return;
    if (!message.tool_calls.empty()) {
      fields.refuse("function_call", "stands beside tool_calls; send one of them");
    }
    message.tool_calls.push_back(read_call(*call, fields.path("function_call")));
  }

  ChatToolCall read_tool_call(const ordered_json& element, const std::string& call_path) {
    const Fields fields(element, call_path);
    if (is_from_agent()) unknown_->check(fields, kToolCallFields);
    const ordered_json* function = fields.find("function");
    if (function == nullptr) {
      fields.refuse("function", "is missing; send the function's name and arguments",
                    FieldFault::kMissing);
    }
    ChatToolCall call = read_call(*function, fields.path("function"));
    call.id = fields.string("id").value_or("");
    return call;
  }

  ChatToolCall read_call(const ordered_json& function, const std::string& call_path) {
    const Fields fields(function, call_path);
    if (is_from_agent()) unknown_->check(fields, kCallFields);
    return {.id = {}, .name = fields.required_string("name"), .arguments = read_arguments(fields)};
  }

  // JSON text, or an object from clients that parsed it. From agents a call without arguments is
  // one with none.
  std::vector<ChatArgument> read_arguments(const Fields& fields) const {
    const ordered_json* value = fields.find("arguments");
    if (is_from_agent() && (value == nullptr || is_blank_string(*value))) return {};
    if (value == nullptr) fields.refuse("arguments", "is missing", FieldFault::kMissing);
    if (value->is_object()) return chat_arguments(*value);
    if (!value->is_string()) {
      refuse_type(fields.path("arguments"), *value, "must be a string with JSON text");
    }
    return chat_arguments(value->get_ref<const std::string&>(),
                          {.replaces_lone_surrogates = is_from_agent()});
  }

  ordered_json& messages_;
  const std::string path_;
  UnknownFields* const unknown_;
  std::vector<std::string> roles_;
};

}  // namespace

std::vector<ChatMessage> read_openai_messages(ordered_json messages, const std::string& path) {
  return MessageReader(messages, path, nullptr).read();
}

AgentMessages read_agent_messages(ordered_json& messages, UnknownFields& unknown) {
  if (messages.is_array() && messages.empty()) {
    refuse_field("messages", "is empty; send at least one message");
  }
  MessageReader reader(messages, "messages", &unknown);
  AgentMessages result;
  result.messages = reader.read();
  result.roles = reader.take_roles();
  return result;
}

}  // namespace hadal
