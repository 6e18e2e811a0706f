// The JSON-lines forms of `hadal text ...`: one line of JSON in, one line of JSON out, in the forms
// of the golden files. Members that a form does not name are ignored, so a golden file may be piped
// through as it is. Every function throws Error (kInvalidArgument) that begins with "line N".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace hadal {

// {"text": "..."} -> {"ids": [...]}; added tokens in the text are recognised.
std::string tokenize_line(const Tokenizer& tokenizer, std::string_view line, size_t line_number);

// {"ids": [...]} -> {"text": "..."}
std::string detokenize_line(const Tokenizer& tokenizer, std::string_view line, size_t line_number);

// {"messages": [...], "thinking_mode": ..., ...} -> {"prompt": "..."}; see encode_request.h.
std::string encode_chat_line(std::string_view line, size_t line_number);

// {"completion": "...", "thinking_mode": "chat"|"thinking"} -> {"parsed": {...}} or
// {"malformed": true, "reason": "..."}; strict, see completion_parser.h.
std::string parse_chat_line(std::string_view line, size_t line_number);

}  // namespace hadal
