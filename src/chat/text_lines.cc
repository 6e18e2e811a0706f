#include "chat/text_lines.h"

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "chat/completion_parser.h"
#include "chat/encode_request.h"
#include "json/fields.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

std::vector<int32_t> token_ids(const Fields& request, const char* key) {
  std::vector<int32_t> ids;
  request.at(key);
  request.each(key, [&](const ordered_json& value, const std::string& path) {
    if (!value.is_number_integer()) refuse_type(path, value, "must be a token id");
    const auto id = value.get<int64_t>();
    if (id < 0 || id > std::numeric_limits<int32_t>::max()) {
      refuse_field(path, "is out of range; give token ids of this tokenizer");
    }
    ids.push_back(static_cast<int32_t>(id));
  });
  return ids;
}

// Parses the line, lets `answer` make the result and puts the line's number before any error.
template <typename Answer>
std::string answer_line(std::string_view line, size_t line_number, Answer answer) {
  const std::string name = "line " + std::to_string(line_number);
  try {
    const ordered_json request = parse_json(line, "");
    if (!request.is_object()) refuse_type("", request, "must be a JSON object");
    return dump_json(answer(request));
  } catch (const Error& error) {
    ErrorParts parts = error.parts();
    parts.where = parts.where.empty() ? name : name + ": " + parts.where;
    throw Error(std::move(parts));
  }
}

}  // namespace

std::string tokenize_line(const Tokenizer& tokenizer, std::string_view line, size_t line_number) {
  return answer_line(line, line_number, [&](const ordered_json& request) -> ordered_json {
    return {{"ids", tokenizer.encode(Fields(request, "").required_string("text"))}};
  });
}

std::string detokenize_line(const Tokenizer& tokenizer, std::string_view line, size_t line_number) {
  return answer_line(line, line_number, [&](const ordered_json& request) -> ordered_json {
    return {{"text", tokenizer.decode(token_ids(Fields(request, ""), "ids"))}};
  });
}

std::string encode_chat_line(std::string_view line, size_t line_number) {
  return answer_line(line, line_number, [](const ordered_json& request) -> ordered_json {
    return {{"prompt", encode_chat(request)}};
  });
}

std::string parse_chat_line(std::string_view line, size_t line_number) {
  return answer_line(line, line_number, [](const ordered_json& request) -> ordered_json {
    const Fields fields(request, "");
    const ThinkingMode mode =
        parse_thinking_mode(fields.required_string("thinking_mode"), "thinking_mode");
    const ParsedCompletion parsed = parse_completion(fields.required_string("completion"), mode);
    if (parsed.malformed) return {{"malformed", true}, {"reason", *parsed.malformed}};
    return {{"parsed", completion_message(parsed)}};
  });
}

}  // namespace hadal
