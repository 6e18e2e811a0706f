// Completions of any text: neither parser fails, no way of cutting the text changes what the
// streaming parser says, calls are whole JSON, markup does not come out as text, and on well-formed
// text it says what the strict one does. The input's first byte is the mode and how to cut; the
// rest is the text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "chat/chat_markup.h"
#include "chat/completion_parser.h"
#include "chat/completion_stream.h"
#include "json/python_json.h"

namespace {

using hadal::CompletionEvent;
using hadal::ParsedCompletion;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Collected {
  ParsedCompletion completion;
  int finishes = 0;
};

void collect(const std::vector<CompletionEvent>& events, Collected& into) {
  using Kind = CompletionEvent::Kind;
  auto& calls = into.completion.tool_calls;
  for (const CompletionEvent& event : events) {
    require(into.finishes == 0);
    require(hadal::is_valid_utf8(event.text));
    switch (event.kind) {
      case Kind::kReasoning:
        into.completion.reasoning += event.text;
        break;
      case Kind::kContent:
        into.completion.content += event.text;
        break;
      case Kind::kToolCall:
        require(event.tool_call == static_cast<int>(calls.size()));
        require(!event.name.empty());
        require(hadal::is_json(event.text) && event.text.front() == '{');
        calls.push_back({.name = event.name, .arguments = event.text});
        break;
      case Kind::kFinish:
        ++into.finishes;
        break;
    }
  }
}

Collected stream(std::string_view text, hadal::ThinkingMode mode, size_t part, bool is_cut) {
  hadal::CompletionStream stream(mode);
  Collected collected;
  for (size_t done = 0; done < text.size(); done += part) {
    collect(stream.push(text.substr(done, part)), collected);
  }
  collect(stream.finish(is_cut), collected);
  require(collected.finishes == 1);
  return collected;
}

void require_same(const ParsedCompletion& a, const ParsedCompletion& b) {
  require(a.reasoning == b.reasoning);
  require(a.content == b.content);
  require(a.tool_calls.size() == b.tool_calls.size());
  for (size_t i = 0; i < a.tool_calls.size(); ++i) {
    require(a.tool_calls[i].name == b.tool_calls[i].name);
    require(a.tool_calls[i].arguments == b.tool_calls[i].arguments);
  }
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

// Whether halves of a tag stand apart in the text: they may come together where a tag between them
// is taken out.
bool has_torn_tags(std::string_view text) {
  return count(text, "<｜") != count(text, "<｜DSML｜") ||
         count(text, "DSML") != count(text, "｜DSML｜");
}

// A tag in text, but for those in quotation marks.
bool has_markup(std::string_view text) {
  for (size_t at = text.find("<｜DSML｜"); at != std::string_view::npos;
       at = text.find("<｜DSML｜", at + 1)) {
    if (at == 0 || !contains("\"'`", text.substr(at - 1, 1))) return true;
  }
  return false;
}

// Whether the streaming parser promises to agree with the strict one: the tool calls are closed,
// values marked as JSON are JSON, and nothing but structure looks like a tag of a damaged kind.
bool must_agree(std::string_view text, const ParsedCompletion& strict) {
  if (strict.malformed) return false;
  if (text.ends_with(hadal::markup::kEos)) text.remove_suffix(hadal::markup::kEos.size());
  if (contains(text, hadal::markup::kEos)) return false;
  for (const std::string* part : {&strict.content, &strict.reasoning}) {
    if (contains(*part, "DSML") || contains(*part, "<think>")) return false;
  }
  if (!contains(text, hadal::markup::kToolCallsMark)) return true;
  if (!text.ends_with(hadal::markup::kToolCallsEnd)) return false;
  for (const auto& call : strict.tool_calls) {
    if (!hadal::is_json(call.arguments)) return false;
    if (call.name.empty() || call.name.find_first_of("\"<>\n") != std::string::npos) return false;
    if (contains(call.arguments, "DSML") || contains(call.arguments, "<think>")) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto mode =
      (data[0] & 1) != 0 ? hadal::ThinkingMode::kThinking : hadal::ThinkingMode::kChat;
  const bool is_cut = (data[0] & 2) != 0;
  const size_t part = 1 + data[0] / 4;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

  const Collected whole = stream(text, mode, text.size() + 1, is_cut);
  require_same(stream(text, mode, part, is_cut).completion, whole.completion);
  if (!has_torn_tags(text)) {
    require(!has_markup(whole.completion.content));
    require(!has_markup(whole.completion.reasoning));
  }

  if (is_cut || !hadal::is_valid_utf8(text)) return 0;
  const ParsedCompletion strict = hadal::parse_completion(text, mode);
  if (must_agree(text, strict)) require_same(strict, whole.completion);
  return 0;
}
