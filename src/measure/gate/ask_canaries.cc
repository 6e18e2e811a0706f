#include "measure/gate/ask_canaries.h"

#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/fields.h"
#include "json/python_json.h"
#include "measure/gate/gate_endpoint.h"

namespace hadal {
namespace {

using Json = nlohmann::ordered_json;

const FieldsSource& endpoint_source() {
  static const FieldsSource source{.code = ErrorCode::kInvalidFile,
                                   .file = "the endpoint",
                                   .remedy = "see whether this is a model's server"};
  return source;
}

// The JSON object of a reply; nothing where it is another thing or an error.
std::optional<Json> object_of(const GateReply& reply) {
  if (reply.status != kHttpOk) return std::nullopt;
  try {
    Json document = parse_json(reply.body, "the answer");
    if (document.is_object()) return document;
  } catch (const Error&) {
    // No JSON: not what was asked for.
  }
  return std::nullopt;
}

void read_models(const GateReply& reply, const ProbeOptions& options, EndpointTraits& traits) {
  traits.model = options.model;
  const std::optional<Json> document = object_of(reply);
  if (!document) return;
  try {
    Fields(*document, "", endpoint_source()).each("data", [&](const Json& model, const auto& path) {
      const Fields fields(model, path, endpoint_source());
      const std::string id = fields.string("id").value_or("");
      if (traits.model.empty()) traits.model = id;
      if (id != traits.model) return;
      traits.engine = fields.string("owned_by").value_or("");
      for (const char* key : {"context_length", "max_model_len"}) {
        if (traits.context == 0) traits.context = fields.count(key, 0).value_or(0);
      }
    });
  } catch (const Error&) {
    // A list of another form: the model's name must be given then.
  }
}

// Whether this body is answered, and with log-probabilities of at least `least` tokens.
struct Tried {
  bool answered = false;
  size_t scores = 0;
  std::string error = {};
};
Tried try_body(GateEndpoint& endpoint, CanaryKind kind, const std::string& path, const Json& body) {
  const GateReply reply = endpoint.ask(path, body.dump());
  if (reply.status == 0) {
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = endpoint.name(),
                 .what = "gives no answer: " + printable(reply.failure),
                 .remedy = "check the address, and that the server runs"});
  }
  Canary canary;
  canary.kind = kind;
  const CanaryAnswer answer = read_answer(canary, reply);
  size_t scores = 0;
  for (const TokenScore& token : answer.tokens) scores += token.known ? 1 : 0;
  return {.answered = answer.error.empty(), .scores = scores, .error = answer.error};
}

void probe_completions(GateEndpoint& endpoint, EndpointTraits& traits) {
  const std::string path = "/v1/completions";
  // Ids that every vocabulary has.
  const Json plain = {
      {"model", traits.model}, {"prompt", {11, 12, 13, 14}}, {"max_tokens", 1}, {"temperature", 0}};
  traits.takes_ids = try_body(endpoint, CanaryKind::kGenerate, path, plain).answered;
  if (!traits.takes_ids) return;
  Json body = plain;
  body["ignore_eos"] = true;
  traits.takes_ignore_eos = try_body(endpoint, CanaryKind::kGenerate, path, body).answered;
  body = plain;
  body["logprobs"] = kTopLogprobs;
  const Tried generated = try_body(endpoint, CanaryKind::kGenerate, path, body);
  traits.tells_logprobs = generated.answered && generated.scores > 0;
  if (!traits.tells_logprobs) return;
  body["echo"] = true;
  const Tried echoed = try_body(endpoint, CanaryKind::kScore, path, body);
  // Of four tokens three have one.
  traits.echoes = echoed.answered && echoed.scores >= 3;
}

std::string probe_chat(GateEndpoint& endpoint, EndpointTraits& traits) {
  const std::string path = "/v1/chat/completions";
  const Json plain = {{"model", traits.model},
                      {"messages", {{{"role", "user"}, {"content", "Hello!"}}}},
                      {"max_tokens", 1},
                      {"temperature", 0}};
  const Tried answered = try_body(endpoint, CanaryKind::kChat, path, plain);
  traits.chats = answered.answered;
  if (!traits.chats) return answered.error;
  Json body = plain;
  body["chat_template_kwargs"] = {{"thinking", false}};
  traits.chat_takes_thinking = try_body(endpoint, CanaryKind::kChat, path, body).answered;
  body = plain;
  body["logprobs"] = true;
  body["top_logprobs"] = kTopLogprobs;
  const Tried scored = try_body(endpoint, CanaryKind::kChat, path, body);
  traits.chat_tells_logprobs = scored.answered && scored.scores > 0;
  return {};
}

bool can_ask(const Canary& canary, const EndpointTraits& traits, std::string& why) {
  switch (canary.kind) {
    case CanaryKind::kScore:
      why = "not asked: the endpoint tells no log-probabilities of prompts";
      return traits.echoes;
    case CanaryKind::kGenerate:
      why = "not asked: the endpoint takes no token ids";
      return traits.takes_ids;
    case CanaryKind::kChat:
      why = traits.chats ? "not asked: the endpoint cannot be told to think"
                         : "not asked: the endpoint does not chat";
      return traits.chats && (!canary.thinking || traits.chat_takes_thinking);
  }
  return false;
}

}  // namespace

EndpointTraits probe_endpoint(GateEndpoint& endpoint, const ProbeOptions& options) {
  EndpointTraits traits;
  const GateReply models = endpoint.ask("/v1/models", "");
  if (models.status == 0) {
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = endpoint.name(),
                 .what = "gives no answer: " + printable(models.failure),
                 .remedy = "check the address, and that the server runs"});
  }
  read_models(models, options, traits);
  if (const std::optional<Json> version = object_of(endpoint.ask("/version", ""))) {
    if (version->contains("version") && (*version)["version"].is_string()) {
      traits.version = printable((*version)["version"].get<std::string>());
    }
  }
  traits.tokenizes = !tokenize_by(endpoint, traits, "Hello", false).empty();
  probe_completions(endpoint, traits);
  const std::string refusal = probe_chat(endpoint, traits);
  if (!traits.takes_ids && !traits.chats) {
    throw Error({.code = ErrorCode::kNotFound,
                 .where = endpoint.name(),
                 .what = "answers neither chats nor completions: " + refusal,
                 .remedy = "check the address and the model's name"});
  }
  return traits;
}

std::vector<int32_t> tokenize_by(GateEndpoint& endpoint, const EndpointTraits& traits,
                                 const std::string& text, bool with_special_tokens) {
  const Json body = {
      {"model", traits.model}, {"prompt", text}, {"add_special_tokens", with_special_tokens}};
  std::vector<int32_t> ids;
  const std::optional<Json> answer = object_of(endpoint.ask("/tokenize", body.dump()));
  if (!answer || !answer->contains("tokens") || !(*answer)["tokens"].is_array()) return ids;
  for (const Json& id : (*answer)["tokens"]) {
    if (!id.is_number_integer()) return {};
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

std::vector<CanaryAnswer> ask_canaries(GateEndpoint& endpoint, const EndpointTraits& traits,
                                       const std::vector<Canary>& canaries,
                                       const CanaryProgress& progress) {
  std::vector<CanaryAnswer> answers;
  constexpr int kGivenUpAfter = 3;
  int silent = 0;  // questions without any answer, one after the other
  for (const Canary& canary : canaries) {
    if (progress) progress(answers.size(), canaries.size());
    std::string why;
    if (!can_ask(canary, traits, why)) {
      answers.push_back({.canary = canary.id, .error = why});
      continue;
    }
    const CanaryQuestion question = question_of(canary, traits);
    const GateReply reply = endpoint.ask(question.path, question.body);
    silent = reply.status == 0 ? silent + 1 : 0;
    if (silent == kGivenUpAfter) {
      throw Error({.code = ErrorCode::kUnavailable,
                   .where = endpoint.name(),
                   .what = "stopped answering: " + printable(reply.failure),
                   .remedy = "see the server's log"});
    }
    answers.push_back(read_answer(canary, reply));
  }
  return answers;
}

}  // namespace hadal
