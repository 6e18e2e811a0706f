// One turn of a conversation through the engine: prompt tokens in, reasoning, content and tool
// calls out as they are generated. The command line runs turns with run_chat; the server drives an
// AnswerReader from its own event loop. Encoding the messages is the text layer's
// (chat/chat_encoding.h).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat_encoding.h"
#include "chat/chat_messages.h"
#include "chat/completion_parser.h"
#include "chat/completion_stream.h"
#include "chat/tool_schemas.h"
#include "engine/request.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace hadal {

class Engine;

struct ChatTurn {
  std::vector<int32_t> prompt;                       // tokenize_prompt of the encoded messages
  ThinkingMode thinking_mode = ThinkingMode::kChat;  // as the prompt was encoded
  SamplingOptions sampling = {};
  // Text and nothing else: neither reasoning nor calls are looked for in the answer.
  bool plain_text = false;
  int max_tokens = 0;                       // 0: as many as the context holds
  bool prompt_only = false;                 // as GenerateRequest::prompt_only
  std::optional<int> prompt_logprobs = {};  // as GenerateRequest::prompt_logprobs
  // The answer does not end by itself, or at one of stop_tokens, before so many tokens. Strings of
  // `stop` end it all the same.
  int min_tokens = 0;
  bool ignore_eos = false;  // it never ends by itself
  // Strings that end the answer where they begin in its content; reasoning and tool calls do not
  // count. None may be empty.
  std::vector<std::string> stop = {};
  std::vector<int32_t> stop_tokens = {};        // besides the model's end-of-sentence token
  std::string cache_salt = {};                  // as GenerateRequest::cache_salt
  int priority = 0;                             // as GenerateRequest::priority
  std::optional<double> timeout = {};           // seconds from its submission to its deadline
  std::optional<Speculation> speculation = {};  // as GenerateRequest::speculation
  ToolSchemas tools = {};                       // of the tools that the request declares
  // Control tokens that the model writes into its answer are part of it, instead of left out.
  bool show_special_tokens = false;
};

// What the events of a turn add up to.
struct ChatAnswer {
  std::string reasoning;
  std::string content;
  std::vector<ParsedToolCall> tool_calls;

  void add(const CompletionEvent& event);
};

// The answer as a message of the conversation that goes on after it.
ChatMessage answer_message(const ChatAnswer& answer);

// The tokens of one answer, as events. No events come after kFinish. A control token in the middle
// of an answer (a role, the begin of a sentence) is left out; <think> and </think> mean what they
// say where they may stand, are text within the value of a tool's parameter, and are left out
// elsewhere.
class AnswerReader {
 public:
  // `turn` is read for how its answer is to be read: plain_text, thinking_mode, stop, tools,
  // show_special_tokens.
  AnswerReader(const Tokenizer& tokenizer, const ChatTurn& turn);

  std::vector<CompletionEvent> push(int32_t token);
  // After the last token; what was held back, and kFinish. `is_cut`: the answer did not end by
  // itself.
  std::vector<CompletionEvent> finish(bool is_cut);

  // The answer ended by itself (a stop string, or text that ends it): the request can be cancelled.
  bool done() const { return done_; }
  int tokens() const { return tokens_; }
  int reasoning_tokens() const { return reasoning_tokens_; }  // of tokens(), the first so many
  int tool_calls() const { return stream_.tool_calls(); }

 private:
  bool is_left_out(int32_t token) const;
  std::vector<CompletionEvent> parse(std::string text);
  std::vector<CompletionEvent> filter(std::vector<CompletionEvent> events);
  void release_content(std::vector<CompletionEvent>& events);

  const Tokenizer tokenizer_;
  const std::optional<int32_t> eos_;
  const std::optional<int32_t> think_begin_;
  const std::optional<int32_t> think_end_;
  const bool show_special_tokens_;
  const bool plain_text_;
  Detokenizer detokenizer_;
  CompletionStream stream_;
  std::vector<std::string> stop_;
  std::string held_;  // content that may be the beginning of a stop string
  bool reasoning_;    // no content and no tool call yet
  bool done_ = false;
  int tokens_ = 0;
  int reasoning_tokens_ = 0;
};

// The engine's request for a turn: ends at the model's end-of-sentence token. The time that the
// turn may take runs from `begin`.
GenerateRequest make_generate_request(
    const Engine& engine, const Tokenizer& tokenizer, const ChatTurn& turn,
    std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now());

struct ChatResult {
  ChatAnswer answer;
  FinishReason reason = FinishReason::kStop;  // kCancelled: interrupted
  int prompt_tokens = 0;
  int completion_tokens = 0;
  int reasoning_tokens = 0;
  RequestTiming timing;
};

// Runs a turn to its end on the calling thread, which sees every event in `on_event`. When
// `interrupted` (may be null) becomes true the answer ends within a step. Throws what
// Engine::submit throws, and the Error of a step that failed.
ChatResult run_chat(Engine& engine, const Tokenizer& tokenizer, const ChatTurn& turn,
                    const std::function<void(const CompletionEvent&)>& on_event,
                    const std::atomic<bool>* interrupted = nullptr);

}  // namespace hadal
