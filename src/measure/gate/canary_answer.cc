#include "measure/gate/canary_answer.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/fields.h"
#include "json/python_json.h"
#include "measure/gate/gate_endpoint.h"

namespace hadal {
namespace {

using Json = nlohmann::ordered_json;

const FieldsSource& answer_source() {
  static const FieldsSource source{.code = ErrorCode::kInvalidFile,
                                   .file = "the answer",
                                   .remedy = "see whether this is a model's server"};
  return source;
}

double logprob_of(const Json& value) {
  if (!value.is_number()) return kLeastLogprob;
  const double number = value.get<double>();
  return std::isnan(number) ? kLeastLogprob : std::clamp(number, kLeastLogprob, 0.0);
}

void sort_top(TokenScore& score) {
  std::stable_sort(score.top.begin(), score.top.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
}

// {"tokens": [...], "token_logprobs": [null, ...], "top_logprobs": [null, {token: logprob}]}; some
// engines write the likeliest tokens as arrays.
std::vector<TokenScore> read_legacy_logprobs(const Fields& logprobs) {
  std::vector<TokenScore> scores;
  const Json* tokens = logprobs.array("tokens");
  const Json* values = logprobs.array("token_logprobs");
  if (tokens == nullptr || values == nullptr) return scores;
  if (tokens->size() != values->size()) {
    logprobs.refuse("token_logprobs", "must be as many as tokens");
  }
  const Json* top = logprobs.array("top_logprobs");
  for (size_t i = 0; i < tokens->size(); ++i) {
    TokenScore score{
        .text = (*tokens)[i].is_string() ? (*tokens)[i].get<std::string>() : (*tokens)[i].dump(),
        .known = (*values)[i].is_number(),
        .logprob = logprob_of((*values)[i])};
    if (top != nullptr && i < top->size()) {
      const Json& entry = (*top)[i];
      for (const auto& [key, value] : entry.items()) {
        if (entry.is_object()) {
          score.top.emplace_back(key, logprob_of(value));
        } else if (value.is_object()) {
          const Fields fields(value, "top_logprobs", answer_source());
          score.top.emplace_back(fields.string("token").value_or(""),
                                 fields.number("logprob").value_or(kLeastLogprob));
        }
      }
    }
    sort_top(score);
    scores.push_back(std::move(score));
  }
  return scores;
}

// [{"token", "logprob", "top_logprobs": [{"token", "logprob"}]}]
std::vector<TokenScore> read_chat_logprobs(const Fields& logprobs) {
  std::vector<TokenScore> scores;
  logprobs.each("content", [&](const Json& entry, const std::string& path) {
    const Fields fields(entry, path, answer_source());
    TokenScore score{.text = fields.required_string("token"),
                     .known = fields.number("logprob").has_value()};
    if (score.known) score.logprob = logprob_of(fields.at("logprob"));
    fields.each("top_logprobs", [&](const Json& other, const std::string& other_path) {
      const Fields top(other, other_path, answer_source());
      score.top.emplace_back(top.required_string("token"), logprob_of(top.at("logprob")));
    });
    sort_top(score);
    scores.push_back(std::move(score));
  });
  return scores;
}

// Reasoning, content and calls as one text, so that answers can be compared.
std::string text_of(const Fields& message) {
  std::string text;
  for (const char* key : {"reasoning_content", "reasoning"}) {
    if (text.empty()) text = message.string(key).value_or("");
  }
  if (!text.empty()) text = "<think>" + text + "</think>";
  text += message.string("content").value_or("");
  message.each("tool_calls", [&](const Json& call, const std::string& path) {
    const Fields fields(call, path, answer_source());
    const Json* function = fields.object("function");
    if (function == nullptr) return;
    const Fields inner(*function, path + ".function", answer_source());
    text += "<call>" + inner.string("name").value_or("") + inner.string("arguments").value_or("");
  });
  return text;
}

void read_document(const Canary& canary, const std::string& body, CanaryAnswer& answer) {
  const Json document =
      parse_json(body, "the answer", ErrorCode::kInvalidFile, {.replaces_lone_surrogates = true});
  const Fields fields(document, "", answer_source());
  if (const Json* usage = fields.object("usage")) {
    const Fields counts(*usage, "usage", answer_source());
    answer.prompt_tokens = counts.count("prompt_tokens", 0).value_or(-1);
  }
  const Json* choices = fields.array("choices");
  if (choices == nullptr || choices->empty()) fields.refuse("choices", "must hold an answer");
  const Fields choice((*choices)[0], "choices[0]", answer_source());
  const Json* logprobs = choice.object("logprobs");
  if (canary.kind == CanaryKind::kChat) {
    answer.text = text_of(Fields(choice.at("message"), "choices[0].message", answer_source()));
  } else if (canary.kind == CanaryKind::kGenerate) {
    answer.text = choice.string("text").value_or("");
  }
  if (logprobs == nullptr) return;
  const Fields scores(*logprobs, "choices[0].logprobs", answer_source());
  // Some engines answer completions in the form of chat.
  answer.tokens = scores.has("content") ? read_chat_logprobs(scores) : read_legacy_logprobs(scores);
}

}  // namespace

CanaryQuestion question_of(const Canary& canary, const EndpointTraits& traits) {
  Json body = {{"model", traits.model}, {"temperature", 0}};
  body["max_tokens"] = std::max(canary.max_tokens, 1);
  if (canary.kind == CanaryKind::kChat) {
    body["messages"] = Json::parse(canary.messages);
    if (!canary.tools.empty()) body["tools"] = Json::parse(canary.tools);
    if (traits.chat_takes_thinking) {
      body["chat_template_kwargs"] = {{"thinking", canary.thinking}};
    }
    if (traits.chat_tells_logprobs) {
      body["logprobs"] = true;
      body["top_logprobs"] = kTopLogprobs;
    }
    return {.path = "/v1/chat/completions", .body = body.dump()};
  }
  body["prompt"] = canary.prompt;
  if (traits.tells_logprobs) body["logprobs"] = kTopLogprobs;
  if (canary.kind == CanaryKind::kScore) body["echo"] = true;
  if (canary.kind == CanaryKind::kGenerate && traits.takes_ignore_eos) body["ignore_eos"] = true;
  return {.path = "/v1/completions", .body = body.dump()};
}

std::string error_text(const GateReply& reply) {
  if (reply.status == 0) return printable(reply.failure);
  constexpr size_t kExcerpt = 200;
  std::string text = reply.body;
  try {
    const Json document = parse_json(reply.body, "the answer");
    const Fields fields(document, "", answer_source());
    if (const Json* error = fields.find("error"); error != nullptr && error->is_object()) {
      text = Fields(*error, "error", answer_source()).string("message").value_or(text);
    } else if (error != nullptr && error->is_string()) {
      text = error->get<std::string>();
    } else {
      text = fields.string("message").value_or(text);
    }
  } catch (const Error&) {
    // What is no JSON, or another, is told as it came.
  }
  return fmt::format("status {}: {}", reply.status, printable(text, kExcerpt));
}

CanaryAnswer read_answer(const Canary& canary, const GateReply& reply) {
  CanaryAnswer answer{.canary = canary.id};
  if (reply.status != kHttpOk) {
    answer.error = error_text(reply);
    return answer;
  }
  try {
    read_document(canary, reply.body, answer);
  } catch (const Error& error) {
    answer = {.canary = canary.id, .error = printable(error.what())};
  }
  return answer;
}

}  // namespace hadal
