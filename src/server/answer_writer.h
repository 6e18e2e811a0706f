// How an API tells an answer: whole, or as the parts of a stream. An API is one reader of requests
// and one writer of answers; neither knows the other APIs, the engine or the connection.
#pragma once

#include <string>

#include "chat/turn.h"
#include "server/api_error.h"
#include "server/generation.h"
#include "server/http/http_types.h"

namespace hadal {

class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;

  // A token whose log-probabilities were asked for; it goes with what is written next.
  virtual void add_token(const GeneratedToken& token) = 0;

  // An answer that is told at its end.
  virtual HttpResponse whole(const ChatAnswer& answer, const GenerationEnd& end) = 0;
  // In its place, what went wrong.
  virtual HttpResponse refusal(const ApiError& error) = 0;

  // A stream: its head with the first part, then what each event adds (empty where the client sees
  // nothing of it), then the end or an error, after which nothing comes. What is sent while nothing
  // happens belongs to the route.
  virtual HttpResponse begin() = 0;
  virtual std::string delta(const CompletionEvent& event) = 0;
  virtual std::string end(const GenerationEnd& end) = 0;
  virtual std::string error(const ApiError& error) = 0;
};

}  // namespace hadal
