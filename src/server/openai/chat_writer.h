// The answers of POST /v1/chat/completions: one chat.completion, or the chunks of a stream as
// server-sent events, each "data: {...}\n\n".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "server/answer_writer.h"
#include "server/openai/logprobs_writer.h"

namespace hadal {

// How a request wants its answer told.
struct ChatAnswerForm {
  std::string model;              // that the answer names
  bool legacy_functions = false;  // a call as function_call; there is one at most
  bool hides_reasoning = false;
  // Of a stream: chunks carry "usage": null, and a last one before [DONE] the numbers.
  bool usage_event = false;
  bool continuous_usage = false;  // chunks carry the usage so far
  bool logprobs = false;
  bool token_ids = false;  // of the prompt and of the answer's tokens, hidden ones included
  std::vector<int32_t> prompt = {};  // where the usage so far or token ids are wanted
};

class ChatWriter final : public AnswerWriter {
 public:
  // `tokenizer` must outlive the writer.
  ChatWriter(ChatAnswerForm form, const Tokenizer& tokenizer);

  void add_prompt(int choice, std::vector<TokenLogprobs> logprobs) override;
  void add_token(int choice, const GeneratedToken& token) override;
  HttpResponse whole(const std::vector<AnswerChoice>& choices) override;
  HttpResponse refusal(const ApiError& error) override;
  HttpResponse begin() override;
  std::string delta(int choice, const CompletionEvent& event,
                    const GenerationUsage& usage) override;
  // The finish reason.
  std::string end_choice(int choice, const GenerationEnd& end) override;
  // The usage if asked for, and [DONE].
  std::string end(const GenerationUsage& all) override;
  std::string error(const ApiError& error) override;

 private:
  nlohmann::ordered_json head(const char* object) const;
  nlohmann::ordered_json call_delta(const CompletionEvent& event) const;
  void add_token_ids(nlohmann::ordered_json& choice);
  std::string chunk(nlohmann::ordered_json delta, const char* finish_reason,
                    const GenerationUsage& usage);
  // stop, length, tool_calls or function_call.
  const char* finish_reason(const GenerationEnd& end) const;

  const ChatAnswerForm form_;
  const std::string id_;   // "chatcmpl-..."
  const int64_t created_;  // seconds since 1970
  LogprobsWriter logprobs_;
  std::vector<int32_t> token_ids_;  // not told yet
  bool prompt_told_ = false;
};

}  // namespace hadal
