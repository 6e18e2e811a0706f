// The content of a message as text, in the shapes that agents send it: a string, parts, parts that
// are plain strings, and for the result of a tool any JSON value.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace hadal {

struct ContentForm {
  // The result of a tool: what is no string and no part is taken as its JSON text.
  bool is_tool_result = false;
  // Parts that are no text are refused; otherwise "[Unsupported TYPE]" stands for them, as in the
  // model's own encoding.
  bool refuses_media = false;
};

struct ContentText {
  std::string text;       // parts are joined by an empty line
  std::string reasoning;  // of parts that hold reasoning
};

// Of `content`, which errors call `path`. Its strings are moved from.
ContentText read_content_text(nlohmann::ordered_json& content, const std::string& path,
                              const ContentForm& form);

}  // namespace hadal
