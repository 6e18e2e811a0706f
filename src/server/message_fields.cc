#include "server/message_fields.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "json/python_json.h"
#include "server/content_text.h"

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
constexpr std::array<std::string_view, 2> kToolFields = {"type", "function"};

bool is_blank(const ordered_json& value) {
  return value.is_string() &&
         value.get_ref<const std::string&>().find_first_not_of(" \t\r\n") == std::string::npos;
}

// Reads the messages one by one, each under the index that the caller gave it.
class MessageReader {
 public:
  MessageReader(ordered_json& messages, UnknownFields& unknown)
      : messages_(messages), unknown_(unknown) {}

  std::vector<ChatMessage> read() {
    if (!messages_.is_array()) refuse_type("messages", messages_, "must be an array");
    if (messages_.empty()) refuse_field("messages", "is empty; send at least one message");
    for (size_t i = 0; i < messages_.size(); ++i) {
      roles_.push_back(Fields(messages_[i], name(i)).string("role").value_or(std::string()));
    }
    std::vector<ChatMessage> read;
    read.reserve(messages_.size());
    for (size_t i = 0; i < messages_.size(); ++i) read.push_back(read_message(i));
    return read;
  }

  // As the caller spelled them.
  const std::vector<std::string>& roles() const { return roles_; }

 private:
  static std::string name(size_t index) { return element_path("messages", index); }

  ChatMessage read_message(size_t index) {
    ordered_json& message = messages_[index];
    const Fields fields(message, name(index));
    unknown_.check(fields, kMessageFields);
    convert_role(message, index);
    const std::string reasoning = read_reasoning(fields);
    const ContentText content = convert_content(message, index);
    if (roles_[index] == "assistant") {
      convert_refusal(message, fields);
      convert_function_call(message, fields);
      convert_tool_calls(message, index);
    }
    message["reasoning_content"] = reasoning.empty() ? content.reasoning : reasoning;
    return read_chat_message(message, name(index));
  }

  // Developer messages are system messages (the model knows the role for another purpose), and the
  // results of functions are those of tools. What ends the conversation is there to be answered,
  // and the model answers users: with tools of its own it is what the model calls a developer.
  void convert_role(ordered_json& message, size_t index) {
    const std::string& role = roles_[index];
    const bool has_instructions = holds(message, "tools") || holds(message, "response_format");
    if (role == "system" || role == "developer") {
      const char* last = has_instructions ? "developer" : "user";
      message["role"] = index + 1 == messages_.size() ? last : "system";
      return;
    }
    if (role == "function") message["role"] = "tool";
    for (const char* key : {"tools", "response_format"}) {
      if (holds(message, key)) unknown_.add(name(index) + "." + key);
    }
  }

  static bool holds(const ordered_json& message, const char* key) {
    const auto found = message.find(key);
    return found != message.end() && !found->is_null() && !found->empty();
  }

  // A picture that a user has just sent cannot be answered about. One that a tool gave, or that
  // stands in the history, must not end the session.
  bool refuses_media(size_t index) const {
    const bool is_last = index + 1 == messages_.size();
    const bool follows_tool =
        index > 0 && (roles_[index - 1] == "tool" || roles_[index - 1] == "function");
    return is_last && roles_[index] != "tool" && roles_[index] != "function" && !follows_tool;
  }

  ContentText convert_content(ordered_json& message, size_t index) {
    const auto found = message.find("content");
    if (found == message.end() || found->is_null()) return {};
    const bool is_result = roles_[index] == "tool" || roles_[index] == "function";
    ContentText content =
        read_content_text(*found, name(index) + ".content",
                          {.is_tool_result = is_result, .refuses_media = refuses_media(index)});
    *found = std::move(content.text);
    return content;
  }

  // The first of these that holds any: reasoning_content (DeepSeek), reasoning and
  // reasoning_details (OpenRouter).
  static std::string read_reasoning(const Fields& fields) {
    std::string text = fields.string("reasoning_content").value_or("");
    if (text.empty()) text = fields.string("reasoning").value_or("");
    const ordered_json* details = fields.find("reasoning_details");
    if (!text.empty() || details == nullptr) return text;
    const std::string path = fields.path("reasoning_details");
    if (!details->is_array()) refuse_type(path, *details, "must be an array");
    for (size_t i = 0; i < details->size(); ++i) {
      const Fields detail((*details)[i], element_path(path, i));
      std::optional<std::string> part = detail.string("text");
      if (!part.has_value()) part = detail.string("summary");
      text += part.value_or("");
    }
    return text;
  }

  // A refusal is what the assistant said.
  static void convert_refusal(ordered_json& message, const Fields& fields) {
    const std::optional<std::string> refusal = fields.string("refusal");
    const std::optional<std::string> content = fields.string("content");
    if (refusal.has_value() && content.value_or("").empty()) message["content"] = *refusal;
  }

  // {"name", "arguments"} of before there were tools.
  void convert_function_call(ordered_json& message, const Fields& fields) {
    const ordered_json* call = fields.find("function_call");
    if (call == nullptr) return;
    const std::string path = fields.path("function_call");
    const ordered_json* calls = fields.find("tool_calls");
    if (calls != nullptr && !calls->empty()) {
      refuse_field(path, "stands beside tool_calls; send one of them");
    }
    ordered_json converted = *call;
    check_call(converted, path);
    message["tool_calls"] = ordered_json::array({{{"function", std::move(converted)}}});
  }

  void convert_tool_calls(ordered_json& message, size_t index) {
    const auto calls = message.find("tool_calls");
    if (calls == message.end() || !calls->is_array()) return;
    const std::string path = name(index) + ".tool_calls";
    for (size_t i = 0; i < calls->size(); ++i) {
      ordered_json& call = (*calls)[i];
      const Fields fields(call, element_path(path, i));
      unknown_.check(fields, kToolCallFields);
      const auto function = call.find("function");
      if (function != call.end() && function->is_object()) {
        check_call(*function, fields.path("function"));
      }
    }
  }

  // A call without arguments is one with none.
  void check_call(ordered_json& function, const std::string& path) {
    const Fields fields(function, path);
    unknown_.check(fields, kCallFields);
    if (!fields.string("name").has_value()) refuse_field(fields.path("name"), "is missing");
    const ordered_json* arguments = fields.find("arguments");
    if (arguments == nullptr || is_blank(*arguments)) {
      function["arguments"] = "{}";
    } else if (!arguments->is_string() && !arguments->is_object()) {
      refuse_type(fields.path("arguments"), *arguments, "must be a string with JSON text");
    }
  }

  ordered_json& messages_;
  UnknownFields& unknown_;
  std::vector<std::string> roles_;
};

// The name goes into the markup of calls, which a quotation mark or a line break would end.
void check_tool_name(const std::string& name, const std::string& path) {
  if (name.empty()) refuse_field(path, "is missing");
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
std::string read_function(const ordered_json& function, const std::string& path,
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
  return dump_json(function);
}

std::vector<std::string> read_tools(const ordered_json& tools, UnknownFields& unknown) {
  if (!tools.is_array()) refuse_type("tools", tools, "must be an array");
  std::vector<std::string> functions;
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

std::vector<std::string> read_functions(const ordered_json& functions, UnknownFields& unknown) {
  if (!functions.is_array()) refuse_type("functions", functions, "must be an array");
  std::vector<std::string> read;
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

std::vector<std::string> read_offered_tools(const Fields& body, Conversation& conversation,
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
    std::vector<std::string> read = read_functions(*functions, unknown);
    return offers ? std::move(read) : std::vector<std::string>();
  }
  if (tools == nullptr) return {};
  std::vector<std::string> read = read_tools(*tools, unknown);
  return offers ? std::move(read) : std::vector<std::string>();
}

// The tools belong to a system message at the beginning.
void add_tools(std::vector<ChatMessage>& messages, std::vector<std::string> tools) {
  if (tools.empty()) return;
  if (messages.front().role != ChatRole::kSystem) {
    ChatMessage system;
    system.role = ChatRole::kSystem;
    messages.insert(messages.begin(), std::move(system));
  }
  std::vector<std::string>& own = messages.front().tools;
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
void prepare_continuation(Conversation& conversation, const ChatOptions& options,
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

Conversation read_conversation(ordered_json& json, const ChatOptions& options,
                               UnknownFields& unknown) {
  const Fields body(json, "");
  if (body.find("messages") == nullptr) {
    refuse_field("messages", "is missing", FieldFault::kMissing);
  }
  Conversation conversation;
  std::vector<std::string> tools = read_offered_tools(body, conversation, unknown);
  MessageReader reader(json["messages"], unknown);
  conversation.messages = reader.read();
  const bool continues = asks_to_continue(body, json["messages"]);
  check_end(reader.roles(), continues);
  if (continues) prepare_continuation(conversation, options, reader.roles());
  add_tools(conversation.messages, std::move(tools));
  return conversation;
}

}  // namespace hadal
