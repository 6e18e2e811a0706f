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

#include "chat/chat_messages.h"
#include "text/tokenizer.h"

namespace hadal {

enum class ThinkingMode { kChat, kThinking };
enum class ReasoningEffort { kDefault, kLow, kHigh, kMax };

// Which efforts a model was trained on; reasoning_efforts.h says which model has which. The first
// releases know high, which is as none given, and max; the later ones low, which is as none given,
// high, which begins with what max began with, and a max beyond it.
enum class ReasoningEfforts { kHighMax, kLowHighMax };

struct ChatOptions {
  ThinkingMode thinking_mode = ThinkingMode::kChat;
  ReasoningEffort reasoning_effort = ReasoningEffort::kDefault;
  ReasoningEfforts efforts = ReasoningEfforts::kHighMax;
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

// The prompt of a conversation, up to where the model's answer begins. `context`: messages that are
// in the cache already and are not encoded again. Nothing can be wrong with messages that were
// read.
std::vector<PromptPiece> encode_chat_pieces(std::vector<ChatMessage> messages,
                                            const ChatOptions& options,
                                            std::vector<ChatMessage> context = {});

// The tokens of a prompt. Added tokens are recognised in literal pieces only; a prompt that spells
// none elsewhere gives the ids of tokenizer.encode() on the whole text.
std::vector<int32_t> tokenize_prompt(const Tokenizer& tokenizer,
                                     std::span<const PromptPiece> pieces);

}  // namespace hadal
