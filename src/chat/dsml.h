// The tags of a tool call in DSML, the markup that DeepSeek V4 writes its tool calls in. Shared by
// the strict and the streaming parser of completions.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace hadal {

// The name in ` name="N">\n`, the text between an invoke's opening mark and what follows it. As in
// the reference pattern `^\s*name="(.*?)">\n$`, one more line break may follow, which stands there
// when the call has no parameters. A view into `text`; nullopt when the form is another.
std::optional<std::string_view> parse_invoke_name(std::string_view text);

struct ParameterHeader {
  std::string_view name;
  bool is_string = false;  // the value is text; otherwise it is JSON
  size_t size = 0;         // of the header in bytes; the value follows
};

// ` name="N" string="true|false">`, the text after a parameter's opening mark; nullopt when `text`
// does not begin so (or not yet).
std::optional<ParameterHeader> parse_parameter_header(std::string_view text);

// The value of a parameter from `text`, which reaches from its header to the mark of its end: all
// but the '<' of the closing tag (which a line break may follow, as in the reference pattern
// `(.*?)<$`); nullopt without one.
std::optional<std::string_view> parse_parameter_value(std::string_view text);

}  // namespace hadal
