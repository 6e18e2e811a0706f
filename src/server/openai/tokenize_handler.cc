#include "server/openai/tokenize_handler.h"

#include <array>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "json/unknown_fields.h"
#include "server/json_body.h"
#include "server/openai/answer_json.h"
#include "server/openai/chat_reader.h"
#include "server/openai/completion_reader.h"
#include "server/openai/token_ids.h"
#include "text/detokenizer.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr char kTokenStrings[] = "return_token_strs";

std::vector<int32_t> tokenize_prompt_field(const Fields& body, const ModelService& service,
                                           UnknownFields& unknown) {
  constexpr std::array<std::string_view, 4> kKnown = {"model", "prompt", "add_special_tokens",
                                                      kTokenStrings};
  unknown.check(body, kKnown);
  static_cast<void>(read_model(body, service.model_names));
  return tokenize_text(service.tokenizer, body.required_string("prompt"),
                       body.boolean("add_special_tokens").value_or(true))
      .tokens;
}

// The text of a token alone; bytes that are no whole character become U+FFFD.
std::string token_text(const Tokenizer& tokenizer, int32_t token) {
  Detokenizer detokenizer(tokenizer);
  std::string text = detokenizer.push(token);
  return text + detokenizer.finish();
}

}  // namespace

void handle_tokenize(Exchange& exchange, const ModelService& service) {
  const RequestRules rules = rules_of(exchange.request(), service);
  ordered_json json = parse_json_body(exchange.request().body);
  const Fields body(json, "");
  const bool wants_strings = body.boolean(kTokenStrings).value_or(false);
  std::vector<int32_t> tokens;
  if (body.has("messages")) {
    if (body.has("prompt")) refuse_field("prompt", "stands beside messages; send one of them");
    json.erase(kTokenStrings);
    ChatCompletionRequest chat = read_chat_completion_request(json, rules, service.tokenizer);
    service.report(chat.unknown_fields);
    tokens = std::move(chat.turn.prompt);
  } else {
    if (!body.has("prompt")) {
      refuse_field("prompt", "is missing; send a prompt or messages", FieldFault::kMissing);
    }
    UnknownFields unknown(rules.strict);
    tokens = tokenize_prompt_field(body, service, unknown);
    service.report(unknown.names());
  }
  ordered_json answer = {{"count", tokens.size()},
                         {"max_model_len", service.engine.max_context()},
                         {"tokens", tokens}};
  if (wants_strings) {
    answer["token_strs"] = ordered_json::array();
    for (const int32_t token : tokens) {
      answer["token_strs"].push_back(token_text(service.tokenizer, token));
    }
  }
  exchange.respond({.body = dump_answer(answer) + "\n"});
}

void handle_detokenize(Exchange& exchange, const ModelService& service) {
  const RequestRules rules = rules_of(exchange.request(), service);
  const ordered_json json = parse_json_body(exchange.request().body);
  const Fields body(json, "");
  UnknownFields unknown(rules.strict);
  constexpr std::array<std::string_view, 2> kKnown = {"model", "tokens"};
  unknown.check(body, kKnown);
  static_cast<void>(read_model(body, service.model_names));
  const ordered_json* tokens = body.find("tokens");
  if (tokens == nullptr) refuse_field("tokens", "is missing", FieldFault::kMissing);
  Detokenizer detokenizer(service.tokenizer);
  std::string text;
  for (const int32_t token : read_token_ids(*tokens, "tokens", rules.vocab_size)) {
    text += detokenizer.push(token);
  }
  text += detokenizer.finish();
  service.report(unknown.names());
  const ordered_json answer = {{"prompt", text}};
  exchange.respond({.body = dump_answer(answer) + "\n"});
}

}  // namespace hadal
