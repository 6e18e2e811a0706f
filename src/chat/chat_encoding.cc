#include "chat/chat_encoding.h"

#include <utility>

#include "base/error.h"
#include "chat/chat_markup.h"
#include "json/fields.h"

namespace hadal {
namespace {

constexpr std::string_view kToolsBefore =
    "## Tools\n\nYou have access to a set of tools to help answer the user's question. You can "
    "invoke tools by writing a \"<｜DSML｜tool_calls>\" block like the following:\n\n"
    "<｜DSML｜tool_calls>\n"
    "<｜DSML｜invoke name=\"$TOOL_NAME\">\n"
    "<｜DSML｜parameter name=\"$PARAMETER_NAME\" string=\"true|false\">$PARAMETER_VALUE"
    "</｜DSML｜parameter>\n"
    "...\n"
    "</｜DSML｜invoke>\n"
    "<｜DSML｜invoke name=\"$TOOL_NAME2\">\n"
    "...\n"
    "</｜DSML｜invoke>\n"
    "</｜DSML｜tool_calls>\n\n"
    "String parameters should be specified as is and set `string=\"true\"`. For all other types "
    "(numbers, booleans, arrays, objects), pass the value in JSON format and set "
    "`string=\"false\"`.\n\n"
    "If thinking_mode is enabled (triggered by <think>), you MUST output your complete reasoning "
    "inside <think>...</think> BEFORE any tool calls or final response.\n\n"
    "Otherwise, output directly after </think> with tool calls or final response.\n\n"
    "### Available Tool Schemas\n\n";
constexpr std::string_view kToolsAfter =
    "\n\nYou MUST strictly follow the above defined tool name and parameter schemas to invoke tool "
    "calls.\n";
constexpr std::string_view kResponseFormat =
    "\n\n## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n";
constexpr std::string_view kGreatEffort =
    "Reasoning Effort: Absolute maximum with no shortcuts permitted.\n"
    "You MUST be very thorough in your thinking and comprehensively decompose the problem to "
    "resolve the root cause, rigorously stress-testing your logic against all potential paths, "
    "edge cases, and adversarial scenarios.\n"
    "Explicitly write out your entire deliberation process, documenting every intermediate step, "
    "considered alternative, and rejected hypothesis to ensure absolutely no assumption is left "
    "unchecked.\n\n";
constexpr std::string_view kGreatestEffort =
    "Reasoning Effort: Beyond maximum — exhaustive, relentless, and uncompromising.\n"
    "You MUST reason with the utmost depth and rigor, leaving absolutely nothing to chance: "
    "exhaustively decompose the problem into its most fundamental components, trace every causal "
    "chain to its root, and resolve the underlying cause rather than any surface symptom.\n"
    "Do not stop reasoning until you have independently verified the solution from multiple angles "
    "and are certain that no assumption remains unchecked and no error remains undiscovered.\n\n";

// What a thinking prompt begins with; nothing for the efforts that are as none given.
std::string_view effort_text(const ChatOptions& options) {
  if (options.thinking_mode != ThinkingMode::kThinking) return {};
  const bool is_max = options.reasoning_effort == ReasoningEffort::kMax;
  if (options.efforts == ReasoningEfforts::kHighMax) return is_max ? kGreatEffort : "";
  if (is_max) return kGreatestEffort;
  return options.reasoning_effort == ReasoningEffort::kHigh ? kGreatEffort : "";
}

class PromptWriter {
 public:
  PromptWriter(const std::vector<ChatMessage>& messages, const ChatOptions& options, bool drops)
      : messages_(messages),
        is_thinking_(options.thinking_mode == ThinkingMode::kThinking),
        effort_(effort_text(options)),
        drops_(drops),
        last_user_(last_user_index(messages)) {}

  void literal(std::string_view text) { add(text, true); }
  void write_message(size_t index);
  std::vector<PromptPiece> take() { return std::move(pieces_); }

 private:
  void add(std::string_view text, bool literal);
  void plain(std::string_view text) { add(text, false); }
  void write_instructions(const ChatMessage& message);
  void write_user(const ChatMessage& message);
  void write_assistant(size_t index);
  void write_tool_calls(const std::vector<ChatToolCall>& calls);
  void write_transition(size_t index);

  const std::vector<ChatMessage>& messages_;
  bool is_thinking_;
  std::string_view effort_;
  bool drops_;  // whether old reasoning is dropped
  std::ptrdiff_t last_user_;
  std::vector<PromptPiece> pieces_;
};

void PromptWriter::add(std::string_view text, bool literal) {
  if (text.empty()) return;
  if (pieces_.empty() || pieces_.back().literal != literal) {
    pieces_.push_back({.text = std::string(text), .literal = literal});
  } else {
    pieces_.back().text += text;
  }
}

// What follows the text of a system or developer message.
void PromptWriter::write_instructions(const ChatMessage& message) {
  if (!message.tools.empty()) {
    literal("\n\n");
    literal(kToolsBefore);
    for (size_t i = 0; i < message.tools.size(); ++i) {
      if (i > 0) literal("\n");
      plain(message.tools[i].text);
    }
    literal(kToolsAfter);
  }
  if (message.response_format) {
    literal(kResponseFormat);
    plain(*message.response_format);
  }
}

void PromptWriter::write_user(const ChatMessage& message) {
  literal(markup::kUser);
  for (size_t i = 0; i < message.blocks.size(); ++i) {
    const ChatBlock& block = message.blocks[i];
    if (i > 0) literal("\n\n");
    if (block.is_tool_result) literal("<tool_result>");
    plain(block.text);
    if (block.is_tool_result) literal("</tool_result>");
  }
}

void PromptWriter::write_tool_calls(const std::vector<ChatToolCall>& calls) {
  literal(markup::kToolCallsMark);
  literal(">\n");
  for (const ChatToolCall& call : calls) {
    literal(markup::kInvokeBegin);
    literal(" name=\"");
    plain(call.name);
    literal("\">\n");
    for (size_t i = 0; i < call.arguments.size(); ++i) {
      const ChatArgument& argument = call.arguments[i];
      if (i > 0) literal("\n");
      literal(markup::kParameterBegin);
      literal(" name=\"");
      plain(argument.name);
      literal(argument.is_string ? "\" string=\"true\">" : "\" string=\"false\">");
      plain(argument.value);
      literal("<");
      literal(markup::kParameterEnd);
      literal(">");
    }
    literal("\n");
    literal(markup::kInvokeEnd);
    literal(">\n");
  }
  literal(markup::kToolCallsEnd);
}

void PromptWriter::write_assistant(size_t index) {
  const ChatMessage& message = messages_[index];
  const bool follows_task = index > 0 && messages_[index - 1].task.has_value();
  const bool keeps_reasoning = !drops_ || static_cast<std::ptrdiff_t>(index) > last_user_;
  if (is_thinking_ && !follows_task && keeps_reasoning) {
    plain(message.reasoning);
    literal(markup::kThinkEnd);
  }
  plain(message.content);
  if (!message.tool_calls.empty()) write_tool_calls(message.tool_calls);
  if (!message.without_eos) literal(markup::kEos);
}

// What stands between a message and the answer to it.
void PromptWriter::write_transition(size_t index) {
  if (index + 1 < messages_.size()) {
    const ChatRole next = messages_[index + 1].role;
    if (next != ChatRole::kAssistant && next != ChatRole::kLatestReminder) return;
  }
  const ChatMessage& message = messages_[index];
  if (message.task && *message.task != "action") {
    literal("<｜" + *message.task + "｜>");
  } else if (message.task) {
    literal(markup::kAssistant);
    literal(is_thinking_ ? markup::kThinkBegin : markup::kThinkEnd);
    literal("<｜action｜>");
  } else if (message.role == ChatRole::kUser || message.role == ChatRole::kDeveloper) {
    const bool is_current = !drops_ || static_cast<std::ptrdiff_t>(index) >= last_user_;
    literal(markup::kAssistant);
    literal(is_thinking_ && is_current ? markup::kThinkBegin : markup::kThinkEnd);
  }
}

void PromptWriter::write_message(size_t index) {
  const ChatMessage& message = messages_[index];
  if (index == 0 && !effort_.empty()) literal(effort_);
  switch (message.role) {
    case ChatRole::kSystem:
      plain(message.content);
      write_instructions(message);
      break;
    case ChatRole::kDeveloper:
      literal(markup::kUser);
      plain(message.content);
      write_instructions(message);
      break;
    case ChatRole::kUser:
    case ChatRole::kTool:  // merging has turned these into user messages
      write_user(message);
      break;
    case ChatRole::kLatestReminder:
      literal(markup::kLatestReminder);
      plain(message.content);
      break;
    case ChatRole::kAssistant:
      write_assistant(index);
      break;
  }
  write_transition(index);
}

}  // namespace

ThinkingMode parse_thinking_mode(std::string_view name, const std::string& where) {
  if (name == "chat") return ThinkingMode::kChat;
  if (name == "thinking") return ThinkingMode::kThinking;
  refuse_field(where, "unknown mode \"" + printable(name, 40) + "\"; use chat or thinking");
}

// Nothing from here on may fail, because messages that are joined or dropped no longer stand where
// the caller put them.
std::vector<PromptPiece> encode_chat_pieces(std::vector<ChatMessage> messages,
                                            const ChatOptions& options,
                                            std::vector<ChatMessage> context) {
  std::vector<ChatMessage> all = merge_user_messages(std::move(context));
  size_t first = all.size();
  for (ChatMessage& message : merge_user_messages(std::move(messages))) {
    all.push_back(std::move(message));
  }
  const bool has_context = first > 0;
  sort_tool_results(all);
  bool drops = options.drop_thinking;
  for (const ChatMessage& message : all) drops = drops && message.tools.empty();
  if (drops && options.thinking_mode == ThinkingMode::kThinking) {
    first = drop_old_reasoning(all, first);
  }
  PromptWriter writer(all, options, drops);
  if (options.add_bos && !has_context) writer.literal(markup::kBos);
  for (size_t i = first; i < all.size(); ++i) writer.write_message(i);
  return writer.take();
}

std::vector<int32_t> tokenize_prompt(const Tokenizer& tokenizer,
                                     std::span<const PromptPiece> pieces) {
  std::string text;
  std::vector<TextRange> trusted;
  for (const PromptPiece& piece : pieces) {
    const size_t begin = text.size();
    text += piece.text;
    if (piece.literal) trusted.push_back({begin, text.size()});
  }
  return tokenizer.encode(text, trusted);
}

}  // namespace hadal
