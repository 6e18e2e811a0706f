// One event of a streamed answer of OpenAI's APIs (chat or text completions, as OpenAI, vLLM,
// SGLang, llama.cpp and others write them), reduced to what measuring needs: which kinds of text it
// carries, usage, the reason of the end, an error. Takes no times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {

// What a server says it counted. Absent fields were not told.
struct AnswerUsage {
  std::optional<int64_t> prompt_tokens = {};
  std::optional<int64_t> completion_tokens = {};
  std::optional<int64_t> cached_tokens = {};     // part of prompt_tokens
  std::optional<int64_t> reasoning_tokens = {};  // part of completion_tokens
  std::optional<double> prefill_seconds = {};    // hadal's own: usage.hadal
  std::optional<double> decode_seconds = {};     // drafting included
};

struct AnswerEvent {
  bool done = false;           // "[DONE]"
  bool has_answer = false;     // text, refusal, or part of a tool call, not empty
  bool has_reasoning = false;  // of either spelling, not empty
  std::string text = {};       // of the answer; of the first choice
  std::string reasoning = {};
  std::string finish_reason = {};  // empty: not yet
  std::optional<AnswerUsage> usage = {};
  std::optional<std::string> error = {};  // what the server says went wrong, in one line
};

// Reads the data of one event; `data` need not be valid. Throws Error kInvalidArgument for what is
// no JSON object. Fields of unexpected types are passed over: servers differ.
AnswerEvent read_answer_event(std::string_view data);

// The whole body of an answer that was not streamed, in the same terms.
AnswerEvent read_whole_answer(std::string_view body);

}  // namespace hadal
