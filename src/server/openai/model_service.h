// What answers the requests of OpenAI's APIs, and what a request is checked against besides its
// fields: whether it is strict, and whether its prompts have room in the context.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/sampling_defaults.h"
#include "chat/turn.h"
#include "server/http/http_types.h"
#include "server/openai/answer_fields.h"
#include "text/tokenizer.h"

namespace hadal {

class Engine;

// Engine and tokenizer must outlive the exchanges.
struct ModelService {
  Engine& engine;
  const Tokenizer& tokenizer;
  std::vector<std::string> model_names = {};              // the first is the default
  SamplingDefaults sampling = {};                         // as ServerOptions::sampling
  ReasoningEfforts efforts = ReasoningEfforts::kHighMax;  // as ServerOptions::efforts
  bool strict = false;                                    // as ServerOptions::strict
  // Hears the names of fields that a request had and this server does not know.
  std::function<void(const std::vector<std::string>&)> on_unknown_fields = {};

  void report(const std::vector<std::string>& unknown_fields) const {
    if (!unknown_fields.empty() && on_unknown_fields) on_unknown_fields(unknown_fields);
  }
};

// What the request's body is read against. Throws ApiException where the header that makes requests
// strict is neither true nor false.
RequestRules rules_of(const HttpRequest& request, const ModelService& service);

// What a prompt is called in a request.
struct PromptName {
  std::string param;      // the field
  std::string_view noun;  // in a sentence: "messages", "prompt"
};

// max_tokens is a limit, which the end of the context keeps as well; who is strict wants room for
// it. min_tokens need room. Throws ApiException (context_length_exceeded).
void check_context(const ChatTurn& turn, int max_context, bool strict, const PromptName& name);

}  // namespace hadal
