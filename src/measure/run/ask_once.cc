#include "measure/run/ask_once.h"

#include <utility>

namespace hadal {

FinishedAnswer ask_once(const Endpoint& endpoint, const Prompt& prompt, const BodyOptions& body,
                        double timeout) {
  HttpLoop loop(endpoint.http);
  FinishedAnswer answer;
  bool ended = false;
  AnswerStream stream({.keep_text = true, .secrets = &endpoint.secrets}, {},
                      [&](FinishedAnswer&& got) {
                        answer = std::move(got);
                        ended = true;
                      });
  loop.start(
      {.url = endpoint.url(), .body = request_body(endpoint, prompt, body), .timeout = timeout},
      stream);
  loop.run([&] { return ended; });
  return answer;
}

}  // namespace hadal
