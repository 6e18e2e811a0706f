#include "server/openai/completion_reader.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "chat/chat_markup.h"
#include "json/unknown_fields.h"
#include "server/json_body.h"
#include "server/openai/known_fields.h"
#include "server/openai/token_ids.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostPrompts = 1024;
constexpr int kDefaultMaxTokens = 16;  // OpenAI's
constexpr char kPromptRule[] =
    "must be a string, an array of token ids, or an array of such prompts";

// Each prompt with its tokens.
class PromptReader {
 public:
  PromptReader(const Tokenizer& tokenizer, int64_t vocab_size, bool add_special_tokens)
      : tokenizer_(tokenizer), vocab_size_(vocab_size), add_special_tokens_(add_special_tokens) {}

  std::vector<CompletionPrompt> read(const ordered_json& value) {
    std::vector<CompletionPrompt> prompts;
    if (value.is_string() || (value.is_array() && !value.empty() && value[0].is_number())) {
      prompts.push_back(read_one(value, "prompt"));
      return prompts;
    }
    if (!value.is_array()) refuse_type("prompt", value, kPromptRule);
    if (value.empty()) refuse_field("prompt", "holds neither prompts nor token ids");
    if (value.size() > kMostPrompts) {
      refuse_field("prompt", "holds more than " + std::to_string(kMostPrompts) +
                                 " prompts; send them in several requests");
    }
    for (size_t i = 0; i < value.size(); ++i) {
      prompts.push_back(read_one(value[i], element_path("prompt", i)));
    }
    return prompts;
  }

 private:
  CompletionPrompt read_one(const ordered_json& value, const std::string& path) const {
    CompletionPrompt prompt{.path = path};
    if (value.is_string()) {
      TextTokens text =
          tokenize_text(tokenizer_, value.get_ref<const std::string&>(), add_special_tokens_);
      prompt.turn.prompt = std::move(text.tokens);
      prompt.bos_added = text.bos_added;
    } else if (value.is_array()) {
      prompt.turn.prompt = read_token_ids(value, path, vocab_size_);
    } else {
      refuse_type(path, value,
                  path == "prompt" ? kPromptRule : "must be a string or an array of token ids");
    }
    if (prompt.turn.prompt.empty()) refuse_field(path, "has no tokens");
    return prompt;
  }

  const Tokenizer& tokenizer_;
  const int64_t vocab_size_;
  const bool add_special_tokens_;
};

std::optional<int> read_logprobs(const Fields& body) {
  if (const ordered_json* value = body.find("logprobs"); value != nullptr && value->is_boolean()) {
    refuse_type("logprobs", *value,
                "must be a whole number from 0 to " + std::to_string(kMostTopLogprobs) +
                    "; true and false are for /v1/chat/completions");
  }
  const std::optional<int> count = body.count("logprobs", 0);
  if (count && *count > kMostTopLogprobs) {
    refuse_field("logprobs", "must be at most " + std::to_string(kMostTopLogprobs));
  }
  return count;
}

// What all prompts of the request are asked for.
ChatTurn read_turn(const Fields& body, const RequestRules& rules, bool echo) {
  ChatTurn turn;
  turn.plain_text = true;
  const std::optional<int> logprobs = read_logprobs(body);
  turn.sampling = read_sampling(body, rules, logprobs);
  if (echo) turn.prompt_logprobs = logprobs;
  turn.max_tokens = read_max_tokens(body, 0).value_or(kDefaultMaxTokens);
  turn.prompt_only = turn.max_tokens == 0;
  read_ends(body, rules.vocab_size, turn);
  read_service(body, turn);
  return turn;
}

// Every score of a prompt's token and every likeliest token beside it takes memory until the answer
// is sent; of a stream they are all in one event.
void check_scores(const CompletionRequest& request) {
  constexpr size_t kMost = size_t{1} << 21;
  constexpr size_t kMostStreamed = 40'000;
  size_t scores = 0;
  size_t most_of_one = 0;
  for (const CompletionPrompt& prompt : request.prompts) {
    if (!prompt.turn.prompt_logprobs) continue;
    const auto each = static_cast<size_t>(*prompt.turn.prompt_logprobs + 1);
    scores += prompt.turn.prompt.size() * each;
    most_of_one = std::max(most_of_one, prompt.turn.prompt.size() * each);
  }
  if (scores > kMost) {
    refuse_field("logprobs", "asks for " + std::to_string(scores) +
                                 " log-probabilities of prompts, and an answer has at most " +
                                 std::to_string(kMost) +
                                 "; ask for fewer beside each token, or "
                                 "send the prompts in several requests");
  }
  if (request.form.stream && most_of_one > kMostStreamed) {
    refuse_field("stream", "an event holds at most " + std::to_string(kMostStreamed) +
                               " log-probabilities of a prompt, and this would have " +
                               std::to_string(most_of_one) + "; ask for the answer whole");
  }
}

}  // namespace

TextTokens tokenize_text(const Tokenizer& tokenizer, std::string_view text,
                         bool add_special_tokens) {
  TextTokens result;
  const std::optional<int32_t> bos = tokenizer.find(markup::kBos);
  result.bos_added = add_special_tokens && bos.has_value() && !text.starts_with(markup::kBos);
  if (result.bos_added) result.tokens.push_back(*bos);
  const std::vector<int32_t> tokens = tokenizer.encode(text);
  result.tokens.insert(result.tokens.end(), tokens.begin(), tokens.end());
  return result;
}

CompletionRequest read_completion_request(std::string_view body, const RequestRules& rules,
                                          const Tokenizer& tokenizer) {
  const ordered_json json = parse_json_body(body);
  const Fields fields(json, "");
  UnknownFields unknown(rules.strict);
  CompletionRequest request;
  request.model = read_model(fields, rules.model_names);
  const ordered_json* prompt = fields.find("prompt");
  if (prompt == nullptr) {
    refuse_field(
        "prompt",
        fields.has("messages") ? "is missing; messages are for /v1/chat/completions" : "is missing",
        FieldFault::kMissing);
  }
  check_completion_fields(fields, unknown);
  request.form = read_answer_form(fields, unknown);
  request.echo = fields.boolean("echo").value_or(false);
  request.tokens_as_ids = fields.boolean("return_tokens_as_token_ids").value_or(false);
  const ChatTurn turn = read_turn(fields, rules, request.echo);
  PromptReader reader(tokenizer, rules.vocab_size,
                      fields.boolean("add_special_tokens").value_or(true));
  request.prompts = reader.read(*prompt);
  uint64_t seed = turn.sampling.seed;
  for (CompletionPrompt& each : request.prompts) {
    std::vector<int32_t> tokens = std::move(each.turn.prompt);
    each.turn = turn;
    each.turn.prompt = std::move(tokens);
    each.turn.sampling.seed = seed;
    // The same prompt twice is to have two answers, unless the request says otherwise.
    if (!fields.has("seed")) ++seed;
  }
  check_scores(request);
  request.unknown_fields = unknown.names();
  return request;
}

}  // namespace hadal
