#include "server/openai/completion_handler.h"

#include <memory>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "server/answer_delivery.h"
#include "server/openai/completion_reader.h"
#include "server/openai/completion_writer.h"

namespace hadal {

void handle_completion(const std::shared_ptr<Exchange>& exchange, const ModelService& service) {
  const RequestRules rules = rules_of(exchange->request(), service);
  CompletionRequest request =
      read_completion_request(exchange->request().body, rules, service.tokenizer);
  for (const CompletionPrompt& prompt : request.prompts) {
    check_context(prompt.turn, service.engine.max_context(), rules.strict,
                  {.param = prompt.path, .noun = "prompt"});
  }
  service.report(request.unknown_fields);
  const ChatTurn& any = request.prompts.front().turn;
  CompletionForm form{.model = std::move(request.model),
                      .echo = request.echo,
                      .shows_special = any.show_special_tokens,
                      .usage_event = request.form.include_usage,
                      .continuous_usage = request.form.continuous_usage,
                      .logprobs = any.sampling.top_logprobs.has_value(),
                      .tokens_as_ids = request.tokens_as_ids,
                      .token_ids = request.form.token_ids};
  exchange->release_body();
  const bool tells_prompts = form.echo || form.token_ids;
  std::vector<GenerationRequest> generations;
  for (CompletionPrompt& prompt : request.prompts) {
    form.prompts.push_back({.bos_added = prompt.bos_added});
    if (tells_prompts) form.prompts.back().tokens = prompt.turn.prompt;
    generations.push_back({.turn = std::move(prompt.turn)});
  }
  deliver_answer(exchange, service.engine, service.tokenizer, std::move(generations),
                 std::make_unique<CompletionWriter>(std::move(form), service.tokenizer),
                 request.form.stream);
}

}  // namespace hadal
