#include "server/openai/chat_handler.h"

#include <memory>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "server/answer_delivery.h"
#include "server/openai/chat_reader.h"
#include "server/openai/chat_writer.h"

namespace hadal {

void handle_chat_completion(const std::shared_ptr<Exchange>& exchange,
                            const ModelService& service) {
  const RequestRules rules = rules_of(exchange->request(), service);
  ChatCompletionRequest request =
      read_chat_completion_request(exchange->request().body, rules, service.tokenizer);
  check_context(request.turn, service.engine.max_context(), rules.strict,
                {.param = "messages", .noun = "messages"});
  service.report(request.unknown_fields);
  ChatAnswerForm form{.model = std::move(request.model),
                      .legacy_functions = request.legacy_functions,
                      .hides_reasoning = request.hides_reasoning,
                      .usage_event = request.form.include_usage,
                      .continuous_usage = request.form.continuous_usage,
                      .logprobs = request.turn.sampling.top_logprobs.has_value(),
                      .token_ids = request.form.token_ids};
  if (form.token_ids || form.continuous_usage) form.prompt = request.turn.prompt;
  exchange->release_body();  // the prompt's tokens are all that is needed from here on
  std::vector<GenerationRequest> generations;
  generations.push_back({.turn = std::move(request.turn), .one_call = request.one_call});
  deliver_answer(exchange, service.engine, service.tokenizer, std::move(generations),
                 std::make_unique<ChatWriter>(std::move(form), service.tokenizer),
                 request.form.stream);
}

}  // namespace hadal
