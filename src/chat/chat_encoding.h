// The prompt encoding of DeepSeek V4: a conversation becomes the exact text that the model was
// trained on, and then tokens. Only what the encoding itself writes may become a special token;
// what users and tools wrote stays plain text, even where it spells "<｜Assistant｜>".
// docs/text.md lists the rules; completion_parser.h is the way back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "text/tokenizer.h"

namespace hadal {

struct ChatMessage;

enum class ThinkingMode { kChat, kThinking };
enum class ReasoningEffort { kDefault, kHigh, kMax };

struct ChatOptions {
  ThinkingMode thinking_mode = ThinkingMode::kChat;
  ReasoningEffort reasoning_effort = ReasoningEffort::kDefault;
  bool drop_thinking = true;  // forget the reasoning of earlier turns, unless tools are offered
  bool add_bos = true;        // only where no context comes before
};

// A run of the prompt that the encoding wrote itself (literal), or that came with the request.
struct PromptPiece {
  std::string text;
  bool literal = false;
};

// "chat" or "thinking". Throws Error (kInvalidArgument, `where`) otherwise.
ThinkingMode parse_thinking_mode(std::string_view name, const std::string& where);

// The options of {"thinking_mode": "chat", "reasoning_effort": null|"high"|"max",
// "drop_thinking": true, "add_bos": true}; thinking_mode is required. Throws Error.
ChatOptions parse_chat_options(const nlohmann::ordered_json& request);

// Encodes an array of messages in the OpenAI form (role, content, tool_calls, tool_call_id ...)
// with V4's own additions (tools and response_format on a system or developer message,
// reasoning_content, task, wo_eos, role latest_reminder). `context`: messages that are already in
// the cache and are not encoded again, or nullptr. Throws Error (kInvalidArgument) that names the
// message and the field.
std::vector<PromptPiece> encode_chat_pieces(const nlohmann::ordered_json& messages,
                                            const ChatOptions& options,
                                            const nlohmann::ordered_json* context = nullptr);

// The same of messages that were read already.
std::vector<PromptPiece> encode_chat_pieces(std::vector<ChatMessage> messages,
                                            const ChatOptions& options);

// The same as one string.
std::string encode_chat(const nlohmann::ordered_json& messages, const ChatOptions& options);

// From a request {"messages": [...], "thinking_mode": ...} with the members of parse_chat_options
// and optionally "context".
std::string encode_chat(const nlohmann::ordered_json& request);

// The tokens of a prompt. Added tokens are recognised in literal pieces only; a prompt that spells
// none elsewhere gives the ids of tokenizer.encode() on the whole text.
std::vector<int32_t> tokenize_prompt(const Tokenizer& tokenizer,
                                     std::span<const PromptPiece> pieces);

}  // namespace hadal
