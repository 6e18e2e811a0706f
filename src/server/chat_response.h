// The answers of POST /v1/chat/completions as JSON: one chat.completion, or the chunks of a stream
// as server-sent events.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "chat/turn.h"
#include "server/logprobs_writer.h"

namespace hadal {

// What every answer and every chunk of it repeats.
struct CompletionIdentity {
  std::string id;       // "chatcmpl-..."
  int64_t created = 0;  // seconds since 1970
  std::string model;
};

CompletionIdentity make_completion_identity(const std::string& model);

struct CompletionUsage {
  int prompt_tokens = 0;
  int completion_tokens = 0;
  int reasoning_tokens = 0;  // of the completion tokens
  int cached_tokens = 0;     // of the prompt tokens
};

// How a request wants its answer told.
struct AnswerForm {
  bool legacy_functions = false;  // a call as function_call; there is one at most
  bool hides_reasoning = false;
  // Of a stream: chunks carry "usage": null, and a last one before [DONE] the numbers.
  bool usage_event = false;
};

// stop, length, tool_calls or function_call. `tool_calls` counts those the answer made.
const char* finish_reason_name(FinishReason reason, int tool_calls, const AnswerForm& form);

// The whole answer, one line. Takes what `logprobs` holds.
std::string completion_body(const CompletionIdentity& identity, const ChatAnswer& answer,
                            LogprobsWriter& logprobs, const char* finish_reason,
                            const CompletionUsage& usage, const AnswerForm& form);

// Events of a stream, each "data: {...}\n\n". `identity` and `logprobs` must outlive the writer;
// the log-probabilities of a token go with the first event after it.
class ChunkWriter {
 public:
  ChunkWriter(const CompletionIdentity& identity, LogprobsWriter& logprobs, const AnswerForm& form)
      : identity_(identity), logprobs_(logprobs), form_(form) {}

  std::string begin() const;
  // Empty when the event changes nothing that the client sees.
  std::string delta(const CompletionEvent& event) const;
  // The finish reason, the usage if asked for, and [DONE].
  std::string end(const char* finish_reason, const CompletionUsage& usage) const;

 private:
  nlohmann::ordered_json call_delta(const CompletionEvent& completion_event) const;
  std::string chunk(nlohmann::ordered_json delta, const char* finish_reason) const;

  const CompletionIdentity& identity_;
  LogprobsWriter& logprobs_;
  AnswerForm form_;
};

// An event that ends a stream with an error, `body` being an api_error_body.
std::string error_event(const std::string& body);

}  // namespace hadal
