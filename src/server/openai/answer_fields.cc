#include "server/openai/answer_fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <random>
#include <string_view>
#include <system_error>

#include "server/openai/token_ids.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxStops = 16;
constexpr size_t kMaxStopBytes = 1024;
constexpr size_t kMaxStopTokens = 64;
constexpr size_t kMaxSaltBytes = 1024;
constexpr double kMostPriority = 1000;
constexpr double kLongestTimeout = 86'400;  // seconds

// The id that `text` spells, below `end`.
std::optional<int32_t> token_id(std::string_view text, int64_t end) {
  int32_t token = 0;
  const auto [rest, fault] = std::from_chars(text.data(), text.data() + text.size(), token);
  const bool is_number = fault == std::errc() && rest == text.data() + text.size();
  return is_number && token >= 0 && token < end ? std::optional(token) : std::nullopt;
}

// {"TOKEN ID": BIAS}.
std::vector<LogitBias> read_logit_bias(const Fields& body, int64_t vocab_size) {
  const ordered_json* bias = body.find("logit_bias");
  if (bias == nullptr) return {};
  if (!bias->is_object()) {
    refuse_type("logit_bias", *bias, "must be an object from token ids to numbers");
  }
  if (bias->size() > kMostLogitBiases) {
    refuse_field("logit_bias", "names more than " + std::to_string(kMostLogitBiases) + " tokens");
  }
  std::vector<LogitBias> entries;
  for (const auto& [key, value] : bias->items()) {
    const std::string path = "logit_bias[\"" + printable(key, 20) + "\"]";
    const std::optional<int32_t> token = token_id(key, vocab_size);
    if (!token.has_value()) {
      refuse_field(path, "is not the id of a token; they are whole numbers from 0 to " +
                             std::to_string(vocab_size - 1));
    }
    if (!value.is_number()) refuse_type(path, value, "must be a number");
    const double number = value.get<double>();
    // NaN is in no range.
    if (!(number >= -kGreatestBias && number <= kGreatestBias)) {
      refuse_field(path, "must be a number from -100 (never) to 100 (only this)");
    }
    const bool is_repeated = std::any_of(entries.begin(), entries.end(),
                                         [&](const LogitBias& e) { return e.token == *token; });
    if (is_repeated) refuse_field(path, "names the same token as a key before it");
    entries.push_back({.token = *token, .bias = static_cast<float>(number)});
  }
  return entries;
}

std::vector<std::string> read_stop(const Fields& body) {
  const ordered_json* stop = body.find("stop");
  if (stop == nullptr) return {};
  std::vector<std::string> strings;
  const auto add = [&](const ordered_json& value, const std::string& path) {
    if (!value.is_string()) refuse_type(path, value, "must be a string");
    strings.push_back(value.get<std::string>());
    if (strings.back().empty()) refuse_field(path, "is an empty string");
    if (strings.back().size() > kMaxStopBytes) {
      refuse_field(path, "is longer than " + std::to_string(kMaxStopBytes) + " bytes");
    }
  };
  if (!stop->is_array()) {
    if (!stop->is_string()) refuse_type("stop", *stop, "must be a string or an array of strings");
    add(*stop, "stop");
    return strings;
  }
  if (stop->size() > kMaxStops) {
    refuse_field("stop", "holds more than " + std::to_string(kMaxStops) + " strings");
  }
  for (size_t i = 0; i < stop->size(); ++i) add((*stop)[i], element_path("stop", i));
  return strings;
}

std::vector<int32_t> read_stop_tokens(const Fields& body, int64_t vocab_size) {
  const ordered_json* stop = body.find("stop_token_ids");
  if (stop == nullptr) return {};
  if (stop->is_array() && stop->size() > kMaxStopTokens) {
    refuse_field("stop_token_ids", "holds more than " + std::to_string(kMaxStopTokens) + " tokens");
  }
  return read_token_ids(*stop, "stop_token_ids", vocab_size);
}

}  // namespace

ApiError model_not_found(std::string_view name, const std::vector<std::string>& served) {
  std::string names;
  for (const std::string& other : served) names += (names.empty() ? "\"" : ", \"") + other + "\"";
  return {.status = 404,
          .message = "the model \"" + printable(name, 100) +
                     "\" is not served here; this server has " + names,
          .param = "model",
          .code = "model_not_found"};
}

std::string read_model(const Fields& body, const std::vector<std::string>& served) {
  std::string model = body.string("model").value_or(served.front());
  if (std::find(served.begin(), served.end(), model) != served.end()) return model;
  throw ApiException(model_not_found(model, served));
}

AnswerForm read_answer_form(const Fields& body, UnknownFields& unknown) {
  AnswerForm form{.stream = body.boolean("stream").value_or(false),
                  .token_ids = body.boolean("return_token_ids").value_or(false)};
  const ordered_json* options = body.find("stream_options");
  if (options == nullptr) return form;
  const Fields fields(*options, "stream_options");
  form.include_usage = fields.boolean("include_usage").value_or(false);
  form.continuous_usage = fields.boolean("continuous_usage_stats").value_or(false);
  constexpr std::array<std::string_view, 3> kOptions = {"include_usage", "continuous_usage_stats",
                                                        "include_obfuscation"};
  unknown.check(fields, kOptions);
  return form;
}

SamplingOptions read_sampling(const Fields& body, const RequestRules& rules,
                              std::optional<int> top_logprobs) {
  SamplingOptions sampling = rules.sampling.options();
  const auto read = [&](const char* key, float& value) {
    if (const auto number = body.number(key)) value = static_cast<float>(*number);
  };
  read("temperature", sampling.temperature);
  read("top_p", sampling.top_p);
  read("min_p", sampling.min_p);
  read("repetition_penalty", sampling.repetition_penalty);
  read("presence_penalty", sampling.presence_penalty);
  read("frequency_penalty", sampling.frequency_penalty);
  sampling.logit_bias = read_logit_bias(body, rules.vocab_size);
  sampling.top_logprobs = top_logprobs;
  // Some clients spell "no limit" -1.
  if (const auto top_k = body.count("top_k", -1)) sampling.top_k = std::max(0, *top_k);
  if (const auto seed = body.integer("seed")) {
    sampling.seed = *seed;
  } else {
    std::random_device random;
    sampling.seed = (static_cast<uint64_t>(random()) << 32) | random();
  }
  check_sampling_options(sampling);
  return sampling;
}

std::optional<int> read_max_tokens(const Fields& body, int least) {
  const std::optional<int> limit = body.count("max_tokens", least);
  const std::optional<int> newer = body.count("max_completion_tokens", least);
  return newer.has_value() ? newer : limit;
}

void read_ends(const Fields& body, int64_t vocab_size, ChatTurn& turn) {
  turn.stop = read_stop(body);
  turn.stop_tokens = read_stop_tokens(body, vocab_size);
  turn.min_tokens = body.count("min_tokens", 0).value_or(0);
  turn.ignore_eos = body.boolean("ignore_eos").value_or(false);
  const bool is_limited = turn.prompt_only || turn.max_tokens > 0;
  if (is_limited && turn.min_tokens > turn.max_tokens) {
    refuse_field("min_tokens", "is above the " + std::to_string(turn.max_tokens) +
                                   " tokens that the answer may have");
  }
  turn.show_special_tokens = !body.boolean("skip_special_tokens").value_or(true);
}

void read_service(const Fields& body, ChatTurn& turn) {
  turn.cache_salt = body.string("cache_salt").value_or("");
  if (turn.cache_salt.size() > kMaxSaltBytes) {
    refuse_field("cache_salt", "is longer than " + std::to_string(kMaxSaltBytes) + " bytes");
  }
  if (const std::optional<double> priority = body.number("priority")) {
    // NaN is in no range.
    if (!(std::abs(*priority) <= kMostPriority) || *priority != std::trunc(*priority)) {
      refuse_field("priority", "is no whole number from -1000 to 1000");
    }
    turn.priority = static_cast<int>(*priority);
  }
  if (const std::optional<std::string> speculation = body.string("speculation")) {
    turn.speculation = parse_speculation(*speculation, "speculation");
  }
  turn.timeout = body.number("timeout");
  if (turn.timeout && !(*turn.timeout > 0 && *turn.timeout <= kLongestTimeout)) {
    refuse_field("timeout", "is no number of seconds above 0, up to a day");
  }
}

}  // namespace hadal
