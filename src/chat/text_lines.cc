#include "chat/text_lines.h"

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "chat/chat_encoding.h"
#include "chat/completion_parser.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

[[noreturn]] void refuse(const std::string& where, const std::string& what,
                         const std::string& remedy) {
  throw Error(
      {.code = ErrorCode::kInvalidArgument, .where = where, .what = what, .remedy = remedy});
}

const ordered_json& member(const ordered_json& object, const char* key) {
  if (!object.is_object()) refuse("", "it is not an object", "give one JSON object per line");
  const auto found = object.find(key);
  if (found == object.end()) refuse(key, "it is missing", "see the documentation of hadal text");
  return *found;
}

const std::string& string_member(const ordered_json& object, const char* key) {
  const ordered_json& value = member(object, key);
  if (!value.is_string()) refuse(key, "it is not a string", "give a string");
  return value.get_ref<const std::string&>();
}

std::vector<int32_t> ids_member(const ordered_json& object, const char* key) {
  const ordered_json& value = member(object, key);
  if (!value.is_array()) refuse(key, "it is not an array", "give an array of token ids");
  std::vector<int32_t> ids;
  ids.reserve(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    const std::string where = std::string(key) + "[" + std::to_string(i) + "]";
    if (!value[i].is_number_integer()) refuse(where, "it is not an integer", "give token ids");
    const auto id = value[i].get<int64_t>();
    if (id < 0 || id > std::numeric_limits<int32_t>::max()) {
      refuse(where, "it is out of range", "give token ids of this tokenizer");
    }
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

// Parses the line, lets `answer` make the result and puts the line's number before any error.
template <typename Answer>
std::string answer_line(std::string_view line, size_t line_number, Answer answer) {
  const std::string name = "line " + std::to_string(line_number);
  try {
    return dump_json(answer(parse_json(line, "")));
  } catch (const Error& error) {
    ErrorParts parts = error.parts();
    parts.where = parts.where.empty() ? name : name + ": " + parts.where;
    throw Error(std::move(parts));
  }
}

}  // namespace

std::string tokenize_line(const Tokenizer& tokenizer, std::string_view line, size_t line_number) {
  return answer_line(line, line_number, [&](const ordered_json& request) -> ordered_json {
    return {{"ids", tokenizer.encode(string_member(request, "text"))}};
  });
}

std::string detokenize_line(const Tokenizer& tokenizer, std::string_view line, size_t line_number) {
  return answer_line(line, line_number, [&](const ordered_json& request) -> ordered_json {
    return {{"text", tokenizer.decode(ids_member(request, "ids"))}};
  });
}

std::string encode_chat_line(std::string_view line, size_t line_number) {
  return answer_line(line, line_number, [](const ordered_json& request) -> ordered_json {
    return {{"prompt", encode_chat(request)}};
  });
}

std::string parse_chat_line(std::string_view line, size_t line_number) {
  return answer_line(line, line_number, [](const ordered_json& request) -> ordered_json {
    const ThinkingMode mode =
        parse_thinking_mode(string_member(request, "thinking_mode"), "thinking_mode");
    const ParsedCompletion parsed = parse_completion(string_member(request, "completion"), mode);
    if (parsed.malformed) return {{"malformed", true}, {"reason", *parsed.malformed}};
    return {{"parsed", completion_message(parsed)}};
  });
}

}  // namespace hadal
