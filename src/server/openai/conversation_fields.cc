#include "server/openai/conversation_fields.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "chat/openai_messages.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, 2> kToolFields = {"type", "function"};

// The name goes into the markup of calls, which a quotation mark or a line break would end.
void check_tool_name(const std::string& name, const std::string& path) {
  if (name.empty()) refuse_field(path, "is missing", FieldFault::kMissing);
  const bool is_plain = std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '"' || c == '<' || c == '>';
  });
  if (!is_plain) {
    refuse_field(path,
                 "holds a control character, a quotation mark, < or >, which a call cannot "
                 "carry");
  }
}

// A function's description as the prompt has it.
ChatTool read_function(const ordered_json& function, const std::string& path,
                       UnknownFields& unknown) {
  const Fields fields(function, path);
  check_tool_name(fields.string("name").value_or(""), fields.path("name"));
  static_cast<void>(fields.string("description"));
  if (const ordered_json* parameters = fields.find("parameters");
      parameters != nullptr && !parameters->is_object()) {
    refuse_type(fields.path("parameters"), *parameters, "must be an object with a JSON schema");
  }
  // The arguments of calls are not held to the schema.
  if (fields.boolean("strict").value_or(false)) unknown.add(fields.path("strict"));
  return make_chat_tool(function);
}

std::vector<ChatTool> read_tools(const ordered_json& tools, UnknownFields& unknown) {
  if (!tools.is_array()) refuse_type("tools", tools, "must be an array");
  std::vector<ChatTool> functions;
  for (size_t i = 0; i < tools.size(); ++i) {
    const Fields tool(tools[i], element_path("tools", i));
    if (tool.string("type").value_or("function") != "function") {
      refuse_unsupported(tool.path("type"), "only tools of type function are supported");
    }
    const ordered_json* function = tool.find("function");
    if (function == nullptr) {
      refuse_field(tool.path("function"),
                   "is missing; describe the tool as {\"type\": \"function\", \"function\": "
                   "{\"name\": ...}}");
    }
    unknown.check(tool, kToolFields);
    functions.push_back(read_function(*function, tool.path("function"), unknown));
  }
  return functions;
}

std::vector<ChatTool> read_functions(const ordered_json& functions, UnknownFields& unknown) {
  if (!functions.is_array()) refuse_type("functions", functions, "must be an array");
  std::vector<ChatTool> read;
  for (size_t i = 0; i < functions.size(); ++i) {
    read.push_back(read_function(functions[i], element_path("functions", i), unknown));
  }
  return read;
}

// Whether the model is offered the tools: "auto" and nothing, not "none".
bool offers_tools(const Fields& body, const char* key) {
  const ordered_json* choice = body.find(key);
  if (choice == nullptr || *choice == "auto") return true;
  if (*choice == "none") return false;
  refuse_unsupported(key, "only \"auto\" and \"none\" are supported");
}

std::vector<ChatTool> read_offered_tools(const Fields& body, AskedConversation& conversation,
                                         UnknownFields& unknown) {
  const bool by_tool_choice = offers_tools(body, "tool_choice");
  const bool offers = offers_tools(body, "function_call") && by_tool_choice;
  const ordered_json* tools = body.find("tools");
  const ordered_json* functions = body.find("functions");
  if (tools != nullptr && functions != nullptr) {
    refuse_field("functions", "stands beside tools; send tools alone");
  }
  if (functions != nullptr) {
    conversation.legacy_functions = true;
    std::vector<ChatTool> read = read_functions(*functions, unknown);
    return offers ? std::move(read) : std::vector<ChatTool>();
  }
  if (tools == nullptr) return {};
  std::vector<ChatTool> read = read_tools(*tools, unknown);
  return offers ? std::move(read) : std::vector<ChatTool>();
}

// The tools belong to a system message at the beginning.
void add_tools(std::vector<ChatMessage>& messages, std::vector<ChatTool> tools) {
  if (tools.empty()) return;
  if (messages.front().role != ChatRole::kSystem) {
    messages.insert(messages.begin(), system_message(""));
  }
  std::vector<ChatTool>& own = messages.front().tools;
  own.insert(own.end(), std::make_move_iterator(tools.begin()),
             std::make_move_iterator(tools.end()));
}

// The fields by which the last message may ask to be continued: DeepSeek's on the message, and
// vLLM's on the request.
bool asks_to_continue(const Fields& body, const ordered_json& messages) {
  const bool continues = body.boolean("continue_final_message").value_or(false);
  const std::optional<bool> begins = body.boolean("add_generation_prompt");
  if (continues && begins.value_or(false)) {
    refuse_field("continue_final_message", "contradicts add_generation_prompt; send one of them");
  }
  if (!continues && begins.has_value() && !*begins) {
    refuse_unsupported("add_generation_prompt",
                       "false needs \"continue_final_message\": true: the answer begins after the "
                       "last message, or continues it");
  }
  bool is_prefix = false;
  for (size_t i = 0; i < messages.size(); ++i) {
    const Fields message(messages[i], element_path("messages", i));
    if (!message.boolean("prefix").value_or(false)) continue;
    if (i + 1 < messages.size() || message.string("role") != "assistant") {
      refuse_field(message.path("prefix"), "only the last message, of an assistant, can be one");
    }
    is_prefix = true;
  }
  return continues || is_prefix;
}

// Makes the last message one to be continued, or takes it away where it holds nothing to continue.
void prepare_continuation(AskedConversation& conversation, const ChatOptions& options,
                          const std::vector<std::string>& roles) {
  std::vector<ChatMessage>& messages = conversation.messages;
  const std::string path = element_path("messages", roles.size() - 1);
  ChatMessage& last = messages.back();
  if (!last.tool_calls.empty()) {
    refuse_field(path + ".tool_calls", "a message with calls cannot be continued");
  }
  const bool thinks = options.thinking_mode == ThinkingMode::kThinking;
  if (!last.reasoning.empty() && !thinks) {
    refuse_field(path + ".reasoning_content",
                 "is not read without thinking; enable thinking, or leave it out");
  }
  if (last.content.empty() && last.reasoning.empty()) {
    messages.pop_back();
    return;
  }
  last.without_eos = true;
  conversation.continues_last = true;
}

void check_end(const std::vector<std::string>& roles, bool continues) {
  const std::string& last = roles.back();
  if (!continues) {
    if (last == "assistant") {
      refuse_field("messages",
                   "must end with a message of role user or tool, not assistant; mark the last one "
                   "with \"prefix\": true to have it continued");
    }
    if (last == "latest_reminder") {
      refuse_field("messages", "must end with a message of role user or tool, not " + last);
    }
    return;
  }
  if (last != "assistant") {
    refuse_field("continue_final_message", "the last message is of role " + printable(last, 40) +
                                               "; only an assistant's can be continued");
  }
  const std::string before = roles.size() > 1 ? roles[roles.size() - 2] : "";
  if (before != "user" && before != "tool" && before != "function") {
    refuse_field("messages",
                 "the message to be continued must follow a message of role user or tool");
  }
}

}  // namespace

AskedConversation read_conversation(ordered_json& json, const ChatOptions& options,
                                    UnknownFields& unknown) {
  const Fields body(json, "");
  if (body.find("messages") == nullptr) {
    refuse_field("messages", "is missing", FieldFault::kMissing);
  }
  AskedConversation conversation;
  std::vector<ChatTool> tools = read_offered_tools(body, conversation, unknown);
  AgentMessages read = read_agent_messages(json["messages"], unknown);
  conversation.messages = std::move(read.messages);
  const bool continues = asks_to_continue(body, json["messages"]);
  check_end(read.roles, continues);
  if (continues) prepare_continuation(conversation, options, read.roles);
  add_tools(conversation.messages, std::move(tools));
  return conversation;
}

}  // namespace hadal
