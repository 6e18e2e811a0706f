#include "chat/completion_parser.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "chat/chat_markup.h"
#include "chat/dsml.h"
#include "json/python_json.h"

namespace hadal {
namespace {

struct Malformed {
  std::string reason;
};

constexpr std::string_view kNone = {};  // read_until: no mark was found

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  ParsedCompletion parse(ThinkingMode mode);

 private:
  // Reads up to the earliest of `marks` and past it; `before` is the text in between. Returns the
  // mark, or kNone and the rest of the text.
  std::string_view read_until(std::initializer_list<std::string_view> marks,
                              std::string_view& before);
  std::string_view parse_tool_calls(std::vector<ParsedToolCall>& calls);
  ParsedToolCall parse_invoke();

  std::string_view text_;
  size_t position_ = 0;
};

std::string_view Parser::read_until(std::initializer_list<std::string_view> marks,
                                    std::string_view& before) {
  size_t earliest = std::string_view::npos;
  std::string_view found = kNone;
  for (const std::string_view mark : marks) {
    const size_t at = text_.find(mark, position_);
    if (at < earliest) {
      earliest = at;
      found = mark;
    }
  }
  const size_t end = std::min(earliest, text_.size());
  before = text_.substr(position_, end - position_);
  position_ = end + found.size();
  return found;
}

ParsedToolCall Parser::parse_invoke() {
  std::string_view before;
  std::string_view mark = read_until({markup::kParameterBegin, markup::kInvokeEnd}, before);
  const auto name = parse_invoke_name(before);
  if (!name) throw Malformed{"a tool call does not begin with its name"};
  ParsedToolCall call{.name = std::string(*name), .arguments = "{"};
  std::vector<std::string_view> names;
  while (mark == markup::kParameterBegin) {
    read_until({markup::kParameterEnd}, before);
    const auto header = parse_parameter_header(before);
    const auto value = header ? parse_parameter_value(before.substr(header->size)) : std::nullopt;
    if (!value) throw Malformed{"a parameter of a tool call is malformed"};
    names.push_back(header->name);
    if (names.size() > 1) call.arguments += ", ";
    call.arguments += json_string(header->name) + ": ";
    call.arguments += header->is_string ? json_string(*value) : *value;
    mark = read_until({markup::kParameterBegin, markup::kInvokeEnd}, before);
    if (before != ">\n") throw Malformed{"a parameter of a tool call is not closed by \">\\n\""};
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    throw Malformed{"the parameter \"" + printable(*twice, 60) + "\" is there twice"};
  }
  call.arguments += '}';
  return call;
}

// Returns the mark that ended the block. The reference ends quietly where the text does, so that a
// block cut off right after its opening or an invoke's closing tag counts as whole.
std::string_view Parser::parse_tool_calls(std::vector<ParsedToolCall>& calls) {
  std::string_view before;
  while (position_ < text_.size()) {
    const auto mark = read_until({markup::kInvokeBegin, markup::kToolCallsEnd}, before);
    if (before != ">\n") throw Malformed{"a tag of the tool calls is not closed by \">\\n\""};
    if (mark == markup::kToolCallsEnd) return mark;
    if (mark == kNone) throw Malformed{"the tool calls have no end"};
    calls.push_back(parse_invoke());
  }
  return kNone;
}

ParsedCompletion Parser::parse(ThinkingMode mode) {
  ParsedCompletion result;
  std::string_view before;
  if (mode == ThinkingMode::kThinking) {
    const auto mark = read_until({markup::kThinkEnd, markup::kToolCallsMark}, before);
    if (mark != markup::kThinkEnd) throw Malformed{"the reasoning has no </think>"};
    result.reasoning = before;
  }
  auto mark = read_until({markup::kEos, markup::kToolCallsMark}, before);
  result.content = before;
  if (mark == kNone) throw Malformed{"the end-of-sentence token is missing"};
  if (mark == markup::kToolCallsMark) {
    parse_tool_calls(result.tool_calls);
    mark = read_until({markup::kEos}, before);
    if (!before.empty()) throw Malformed{"text follows the tool calls"};
  }
  if (position_ != text_.size()) throw Malformed{"text follows the end-of-sentence token"};
  for (const std::string_view tag :
       {markup::kBos, markup::kEos, markup::kThinkBegin, markup::kThinkEnd, markup::kDsml}) {
    for (const std::string* part : {&result.content, &result.reasoning}) {
      if (part->find(tag) != std::string::npos) {
        throw Malformed{"the text contains \"" + std::string(tag) + "\""};
      }
    }
  }
  return result;
}

}  // namespace

ParsedCompletion parse_completion(std::string_view text, ThinkingMode mode) {
  if (!is_valid_utf8(text)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "completion",
                 .what = "it is not UTF-8",
                 .remedy = "send text as UTF-8"});
  }
  try {
    return Parser(text).parse(mode);
  } catch (const Malformed& malformed) {
    ParsedCompletion result;
    result.malformed = malformed.reason;
    return result;
  }
}

nlohmann::ordered_json completion_message(const ParsedCompletion& completion) {
  using nlohmann::ordered_json;
  ordered_json calls = ordered_json::array();
  for (const ParsedToolCall& call : completion.tool_calls) {
    ordered_json function = {{"name", call.name}, {"arguments", call.arguments}};
    calls.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return {{"role", "assistant"},
          {"content", completion.content},
          {"reasoning_content", completion.reasoning},
          {"tool_calls", std::move(calls)}};
}

}  // namespace hadal
