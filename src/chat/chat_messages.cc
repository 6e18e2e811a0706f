#include "chat/chat_messages.h"

#include <algorithm>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

}  // namespace

std::vector<ChatArgument> chat_arguments(const ordered_json& object) {
  std::vector<ChatArgument> arguments;
  for (const auto& [name, value] : object.items()) {
    arguments.push_back({.name = name,
                         .value = value.is_string() ? value.get<std::string>() : dump_json(value),
                         .is_string = value.is_string()});
  }
  return arguments;
}

std::vector<ChatArgument> chat_arguments(std::string_view text, JsonRules rules) {
  try {
    const ordered_json parsed = parse_json(text, "arguments", ErrorCode::kInvalidArgument, rules);
    if (parsed.is_object()) return chat_arguments(parsed);
  } catch (const Error&) {
    // Not JSON.
  }
  return {{.name = "arguments", .value = std::string(text), .is_string = true}};
}

ChatTool make_chat_tool(const ordered_json& function) {
  ChatTool tool{.text = dump_json(function), .name = {}, .parameters = {}};
  if (!function.is_object()) return tool;
  if (const auto name = function.find("name"); name != function.end() && name->is_string()) {
    tool.name = name->get<std::string>();
    tool.parameters = declared_parameters(function);
  }
  return tool;
}

ChatMessage system_message(std::string text) {
  ChatMessage message;
  message.role = ChatRole::kSystem;
  message.content = std::move(text);
  return message;
}

ChatMessage user_message(std::string text) {
  ChatMessage message;
  message.blocks.push_back({.text = std::move(text)});
  return message;
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
