#include "chat/chat_messages.h"

#include <algorithm>
#include <array>
#include <map>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

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

template <typename Names>
std::string list_names(const Names& names) {
  std::string list;
  for (const std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
  return list;
}

[[noreturn]] void refuse(const std::string& where, const std::string& what,
                         const std::string& remedy) {
  throw Error(
      {.code = ErrorCode::kInvalidArgument, .where = where, .what = what, .remedy = remedy});
}

// An object of the request together with its name in error messages.
class Fields {
 public:
  Fields(const ordered_json& object, std::string where)
      : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) refuse(where_, "it is not an object", "send an object");
  }

  const std::string& where() const { return where_; }
  std::string where(std::string_view key) const { return where_ + "." + std::string(key); }

  // nullptr when the field is absent or null.
  const ordered_json* get(std::string_view key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  std::optional<std::string> string(std::string_view key) const {
    const ordered_json* value = get(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) refuse(where(key), "it is not a string", "send a string");
    return value->get<std::string>();
  }

  std::string required_string(std::string_view key) const {
    auto value = string(key);
    if (!value) refuse(where(key), "it is missing", "send a string");
    return std::move(*value);
  }

  bool boolean(std::string_view key) const {
    const ordered_json* value = get(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) refuse(where(key), "it is not true or false", "send true or false");
    return value->get<bool>();
  }

  // Calls use(element, name) for each element of an array; absent is empty.
  template <typename Use>
  void each(std::string_view key, Use use) const {
    const ordered_json* value = get(key);
    if (value == nullptr) return;
    if (!value->is_array()) refuse(where(key), "it is not an array", "send an array");
    for (size_t i = 0; i < value->size(); ++i) {
      use((*value)[i], where(key) + "[" + std::to_string(i) + "]");
    }
  }

 private:
  const ordered_json& object_;
  std::string where_;
};

// Content is a string or a list of parts; text parts are joined by an empty line and parts that
// are no text become "[Unsupported TYPE]".
std::string read_content(const Fields& message) {
  const ordered_json* content = message.get("content");
  if (content == nullptr) return {};
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array()) {
    refuse(message.where("content"), "it is neither a string nor an array of parts",
           "send a string");
  }
  std::string text;
  bool is_first = true;
  message.each("content", [&](const ordered_json& element, const std::string& where) {
    const Fields part(element, where);
    const std::string type = part.required_string("type");
    if (!is_first) text += "\n\n";
    is_first = false;
    text += type == "text" ? part.string("text").value_or("") : "[Unsupported " + type + "]";
  });
  return text;
}

void add_arguments(const ordered_json& object, std::vector<ChatArgument>& arguments) {
  for (const auto& [name, value] : object.items()) {
    arguments.push_back({.name = name,
                         .value = value.is_string() ? value.get<std::string>() : dump_json(value),
                         .is_string = value.is_string()});
  }
}

// Arguments come as JSON text, or as an object from clients that parsed it. Text that is no JSON
// object is kept as one string named "arguments".
std::vector<ChatArgument> read_arguments(const Fields& function) {
  std::vector<ChatArgument> arguments;
  const ordered_json* value = function.get("arguments");
  if (value != nullptr && value->is_object()) {
    add_arguments(*value, arguments);
    return arguments;
  }
  const std::string text = function.required_string("arguments");
  try {
    const ordered_json parsed = parse_json(text, function.where("arguments"));
    if (parsed.is_object()) {
      add_arguments(parsed, arguments);
      return arguments;
    }
  } catch (const Error&) {
    // Not JSON: the model wrote it and is shown it again as it was.
  }
  arguments.push_back({.name = "arguments", .value = text, .is_string = true});
  return arguments;
}

ChatToolCall read_tool_call(const ordered_json& element, const std::string& where) {
  const Fields call(element, where);
  const ordered_json* function_object = call.get("function");
  if (function_object == nullptr) {
    refuse(call.where("function"), "it is missing", "send the function's name and arguments");
  }
  const Fields function(*function_object, call.where("function"));
  return {.id = call.string("id").value_or(""),
          .name = function.required_string("name"),
          .arguments = read_arguments(function)};
}

std::string read_tool(const ordered_json& element, const std::string& where) {
  const Fields tool(element, where);
  const ordered_json* function = tool.get("function");
  if (function == nullptr || !function->is_object()) {
    refuse(tool.where("function"), "it is missing or not an object",
           "describe the tool as {\"type\": \"function\", \"function\": {...}}");
  }
  return dump_json(*function);
}

ChatRole read_role(const Fields& fields) {
  const std::string name = fields.required_string("role");
  for (const auto& [known, role] : kRoles) {
    if (known == name) return role;
  }
  std::array<std::string_view, kRoles.size()> names;
  std::transform(kRoles.begin(), kRoles.end(), names.begin(),
                 [](const auto& entry) { return entry.first; });
  refuse(fields.where("role"), "unknown role \"" + printable(name, 40) + "\"",
         "use one of " + list_names(names));
}

}  // namespace

ChatMessage read_chat_message(const nlohmann::ordered_json& element, const std::string& name) {
  const Fields fields(element, name);
  ChatMessage message;
  message.role = read_role(fields);
  message.content = read_content(fields);
  if (message.role == ChatRole::kDeveloper && message.content.empty()) {
    refuse(fields.where("content"), "a developer message is empty",
           "send its text or leave it out");
  }
  if (message.role == ChatRole::kUser || message.role == ChatRole::kTool) {
    message.blocks.push_back({.text = std::move(message.content),
                              .is_tool_result = message.role == ChatRole::kTool,
                              .tool_call_id = fields.string("tool_call_id").value_or("")});
    message.content.clear();
  }
  message.reasoning = fields.string("reasoning_content").value_or("");
  fields.each("tool_calls", [&](const ordered_json& call, const std::string& where) {
    message.tool_calls.push_back(read_tool_call(call, where));
  });
  fields.each("tools", [&](const ordered_json& tool, const std::string& where) {
    message.tools.push_back(read_tool(tool, where));
  });
  if (const ordered_json* format = fields.get("response_format"); format && !format->empty()) {
    message.response_format = dump_json(*format);
  }
  message.task = fields.string("task");
  if (message.task && std::find(kTasks.begin(), kTasks.end(), *message.task) == kTasks.end()) {
    refuse(fields.where("task"), "unknown task \"" + printable(*message.task, 40) + "\"",
           "use one of " + list_names(kTasks));
  }
  message.without_eos = fields.boolean("wo_eos");
  return message;
}

std::vector<ChatMessage> read_chat_messages(const nlohmann::ordered_json& messages,
                                            std::string_view name) {
  if (!messages.is_array()) {
    refuse(std::string(name), "it is not an array", "send the messages as an array");
  }
  std::vector<ChatMessage> result;
  result.reserve(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    result.push_back(
        read_chat_message(messages[i], std::string(name) + "[" + std::to_string(i) + "]"));
  }
  return result;
}

std::vector<ChatMessage> merge_user_messages(std::vector<ChatMessage> messages) {
  std::vector<ChatMessage> merged;
  for (ChatMessage& message : messages) {
    const bool is_tool = message.role == ChatRole::kTool;
    const bool is_user = message.role == ChatRole::kUser;
    const bool follows_user = !merged.empty() && merged.back().role == ChatRole::kUser;
    if (follows_user && (is_tool || (is_user && !merged.back().task))) {
      // The joining message's own task and wo_eos are lost, as in the reference encoder.
      merged.back().blocks.push_back(std::move(message.blocks.front()));
    } else if (is_tool) {
      ChatMessage user;
      user.role = ChatRole::kUser;
      user.blocks = std::move(message.blocks);
      merged.push_back(std::move(user));
    } else {
      merged.push_back(std::move(message));
    }
  }
  return merged;
}

void sort_tool_results(std::vector<ChatMessage>& messages) {
  std::map<std::string, size_t> order;
  for (ChatMessage& message : messages) {
    if (message.role == ChatRole::kAssistant && !message.tool_calls.empty()) {
      order.clear();
      for (size_t i = 0; i < message.tool_calls.size(); ++i) {
        if (!message.tool_calls[i].id.empty()) order[message.tool_calls[i].id] = i;
      }
    } else if (message.role == ChatRole::kUser) {
      std::vector<ChatBlock> results;
      for (ChatBlock& block : message.blocks) {
        if (block.is_tool_result) results.push_back(block);
      }
      const auto place = [&](const ChatBlock& block) {
        const auto found = order.find(block.tool_call_id);
        return found == order.end() ? size_t{0} : found->second;
      };
      std::stable_sort(results.begin(), results.end(),
                       [&](const ChatBlock& a, const ChatBlock& b) { return place(a) < place(b); });
      auto next = results.begin();
      for (ChatBlock& block : message.blocks) {
        if (block.is_tool_result) block = std::move(*next++);
      }
    }
  }
}

std::ptrdiff_t last_user_index(const std::vector<ChatMessage>& messages) {
  for (size_t i = messages.size(); i-- > 0;) {
    const ChatRole role = messages[i].role;
    if (role == ChatRole::kUser || role == ChatRole::kDeveloper) {
      return static_cast<std::ptrdiff_t>(i);
    }
  }
  return -1;
}

size_t drop_old_reasoning(std::vector<ChatMessage>& messages, size_t context_size) {
  const std::ptrdiff_t last_user = last_user_index(messages);
  std::vector<ChatMessage> kept;
  size_t kept_context = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    const bool is_old = static_cast<std::ptrdiff_t>(i) < last_user;
    if (is_old && messages[i].role == ChatRole::kDeveloper) continue;
    if (is_old) messages[i].reasoning.clear();
    kept.push_back(std::move(messages[i]));
    if (i < context_size) kept_context = kept.size();
  }
  messages = std::move(kept);
  return kept_context;
}

}  // namespace hadal
