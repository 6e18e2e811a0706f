// The strict reading of a completion, the inverse of chat_encoding.h: reasoning, content and tool
// calls, or the reason why the text is malformed. It accepts and refuses what the released
// reference parser does, which is more than a mode of completion_stream.h could: that reader
// repairs what the reference refuses, and refuses calls that the reference takes (docs/text.md).
// Servers, which must make the best of any text, use it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "chat/chat_encoding.h"

namespace hadal {

struct ParsedToolCall {
  std::string name;
  std::string arguments;  // JSON text of an object, unless the model wrote a value that is no JSON
};

struct ParsedCompletion {
  std::string content;
  std::string reasoning;
  std::vector<ParsedToolCall> tool_calls;
  std::optional<std::string> malformed;  // the reason; the other members are then empty
};

// `text` is what follows the assistant prefix of the prompt, with its end-of-sentence token. Throws
// Error (kInvalidArgument) when it is not UTF-8; malformed text is a result and not an Error.
ParsedCompletion parse_completion(std::string_view text, ThinkingMode mode);

// {"role": "assistant", "content", "reasoning_content", "tool_calls": [{"type": "function",
// "function": {"name", "arguments"}}]}. `completion` is not malformed.
nlohmann::ordered_json completion_message(const ParsedCompletion& completion);

}  // namespace hadal
