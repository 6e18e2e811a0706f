// How an API tells an answer: whole, or as the parts of a stream. An API is one reader of requests
// and one writer of answers; neither knows the other APIs, the engine or the connection. An answer
// has one or several choices, each the work of a generation; they go on side by side.
#pragma once

#include <string>
#include <vector>

#include "chat/turn.h"
#include "server/api_error.h"
#include "server/generation.h"
#include "server/http/http_types.h"

namespace hadal {

struct AnswerChoice {
  ChatAnswer answer;
  GenerationEnd end;
};

class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;

  // Log-probabilities of the prompt, and a token; they go with what is written of the choice next.
  virtual void add_prompt(int choice, std::vector<TokenLogprobs> logprobs) = 0;
  virtual void add_token(int choice, const GeneratedToken& token) = 0;

  // An answer that is told at its end.
  virtual HttpResponse whole(const std::vector<AnswerChoice>& choices) = 0;
  // In its place, what went wrong.
  virtual HttpResponse refusal(const ApiError& error) = 0;

  // A stream: its head with the first part, then what each event adds (empty where the client sees
  // nothing of it) and the end of each choice, then the end or an error, after which nothing comes.
  // What is sent while nothing happens belongs to the route.
  virtual HttpResponse begin() = 0;
  // `usage`: of the choice so far.
  virtual std::string delta(int choice, const CompletionEvent& event,
                            const GenerationUsage& usage) = 0;
  virtual std::string end_choice(int choice, const GenerationEnd& end) = 0;
  virtual std::string end(const GenerationUsage& all) = 0;
  virtual std::string error(const ApiError& error) = 0;
};

}  // namespace hadal
