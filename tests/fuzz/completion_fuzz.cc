// Completions of any text: neither parser fails, no way of cutting the text changes what the
// streaming parser says, and on well-formed text it says what the strict one does. The input's
// first byte is the mode and how to cut; the rest is the text.
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
#include "text/python_json.h"

namespace {

using hadal::CompletionEvent;
using hadal::ParsedCompletion;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Collected {
  ParsedCompletion completion;
  std::vector<bool> complete;
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
      case Kind::kToolCallBegin:
        require(calls.size() == into.complete.size());
        calls.push_back({.name = event.text, .arguments = ""});
        break;
      case Kind::kToolCallArguments:
        require(calls.size() == into.complete.size() + 1);
        calls.back().arguments += event.text;
        break;
      case Kind::kToolCallEnd:
        into.complete.push_back(event.complete);
        // A whole call's arguments are always JSON.
        require(!event.complete || hadal::is_json(calls.back().arguments));
        break;
      case Kind::kFinish:
        ++into.finishes;
        break;
    }
  }
}

Collected stream(std::string_view text, hadal::ThinkingMode mode, size_t part) {
  hadal::CompletionStream stream(mode);
  Collected collected;
  for (size_t done = 0; done < text.size(); done += part) {
    collect(stream.push(text.substr(done, part)), collected);
  }
  collect(stream.finish(), collected);
  require(collected.finishes == 1);
  require(collected.complete.size() == collected.completion.tool_calls.size());
  return collected;
}

// Whether the streaming parser promises to agree with the strict one: the tool calls are closed,
// no value holds an end-of-sentence token, and values marked as JSON are JSON.
bool must_agree(std::string_view text, const ParsedCompletion& strict) {
  if (strict.malformed) return false;
  if (text.ends_with(hadal::markup::kEos)) text.remove_suffix(hadal::markup::kEos.size());
  if (text.find(hadal::markup::kEos) != std::string_view::npos) return false;
  if (text.find(hadal::markup::kToolCallsMark) == std::string_view::npos) return true;
  if (!text.ends_with(hadal::markup::kToolCallsEnd)) return false;
  for (const auto& call : strict.tool_calls) {
    if (!hadal::is_json(call.arguments)) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto mode =
      (data[0] & 1) != 0 ? hadal::ThinkingMode::kThinking : hadal::ThinkingMode::kChat;
  const size_t part = 1 + data[0] / 2;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

  const Collected streamed = stream(text, mode, part);
  const Collected whole = stream(text, mode, text.size() + 1);
  require(streamed.completion.reasoning == whole.completion.reasoning);
  require(streamed.completion.content == whole.completion.content);
  require(streamed.complete == whole.complete);
  for (size_t i = 0; i < whole.complete.size(); ++i) {
    require(streamed.completion.tool_calls[i].name == whole.completion.tool_calls[i].name);
    require(streamed.completion.tool_calls[i].arguments ==
            whole.completion.tool_calls[i].arguments);
  }

  if (!hadal::is_valid_utf8(text)) return 0;
  const ParsedCompletion strict = hadal::parse_completion(text, mode);
  if (!must_agree(text, strict)) return 0;
  require(strict.reasoning == whole.completion.reasoning);
  require(strict.content == whole.completion.content);
  require(strict.tool_calls.size() == whole.complete.size());
  for (size_t i = 0; i < strict.tool_calls.size(); ++i) {
    require(whole.complete[i]);
    require(strict.tool_calls[i].name == whole.completion.tool_calls[i].name);
    require(strict.tool_calls[i].arguments == whole.completion.tool_calls[i].arguments);
  }
  return 0;
}
