// The answers of POST /v1/completions: one text_completion with a choice for each prompt, or the
// chunks of a stream as server-sent events, each "data: {...}\n\n".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "server/answer_writer.h"
#include "server/openai/completion_logprobs.h"

namespace hadal {

// How a request wants its answer told.
struct CompletionForm {
  std::string model;  // that the answer names
  bool echo = false;  // choices begin with their prompts
  bool shows_special = false;
  // Of a stream: chunks carry "usage": null, and a last one before [DONE] the numbers.
  bool usage_event = false;
  bool continuous_usage = false;  // chunks carry the usage of their choice so far
  bool logprobs = false;
  bool tokens_as_ids = false;  // in logprobs
  bool token_ids = false;      // of prompt and answer
  struct Prompt {
    std::vector<int32_t> tokens = {};
    bool bos_added = false;  // the text does not have the first token
  };
  std::vector<Prompt> prompts = {};
};

class CompletionWriter final : public AnswerWriter {
 public:
  // `tokenizer` must outlive the writer.
  CompletionWriter(CompletionForm form, const Tokenizer& tokenizer);

  void add_prompt(int choice, std::vector<TokenLogprobs> logprobs) override;
  void add_token(int choice, const GeneratedToken& token) override;
  HttpResponse whole(const std::vector<AnswerChoice>& choices) override;
  HttpResponse refusal(const ApiError& error) override;
  HttpResponse begin() override;
  // The first of a choice has its prompt as well, where that is wanted.
  std::string delta(int choice, const CompletionEvent& event,
                    const GenerationUsage& usage) override;
  std::string end_choice(int choice, const GenerationEnd& end) override;
  // The usage if asked for, and [DONE].
  std::string end(const GenerationUsage& all) override;
  std::string error(const ApiError& error) override;

 private:
  // What of a choice is not told yet.
  struct Choice {
    CompletionLogprobs logprobs;
    std::vector<TokenLogprobs> prompt_logprobs = {};
    std::vector<int32_t> token_ids = {};
    bool tokens_begun = false;  // the prompt's are among logprobs, where they are wanted
    bool told = false;          // something of it
  };

  nlohmann::ordered_json head() const;
  void begin_tokens(int choice);
  nlohmann::ordered_json choice_json(int choice, const std::string& text,
                                     const char* finish_reason);
  std::string chunk(int choice, const std::string& text, const char* finish_reason,
                    const GenerationUsage& usage);
  std::string prompt_text(int choice) const;

  const CompletionForm form_;
  const Tokenizer& tokenizer_;
  const std::string id_;   // "cmpl-..."
  const int64_t created_;  // seconds since 1970
  std::vector<Choice> choices_;
};

}  // namespace hadal
