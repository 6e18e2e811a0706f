#include "server/chat_request.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "server/api_error.h"
#include "server/json_body.h"
#include "text/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxStops = 16;
constexpr size_t kMaxStopBytes = 1024;
constexpr size_t kMaxStopTokens = 64;
constexpr uint64_t kMaxTokenId = std::numeric_limits<int32_t>::max();
constexpr size_t kMaxSaltBytes = 1024;
constexpr double kMostPriority = 1000;
constexpr double kLongestTimeout = 86'400;  // seconds

[[noreturn]] void refuse(const std::string& field, const std::string& what,
                         const std::string& code = "invalid_value") {
  throw ApiException({.status = 400, .message = field + ": " + what, .param = field, .code = code});
}

[[noreturn]] void refuse_type(const std::string& field, const ordered_json& value,
                              const std::string& expected) {
  refuse(field, "must be " + expected + ", not " + value.type_name(), "invalid_type");
}

// An object of the request. Null counts as absent everywhere, as clients send it that way.
class Fields {
 public:
  Fields(const ordered_json& object, std::string name) : object_(object), name_(std::move(name)) {
    if (!object.is_object()) refuse_type(name_.empty() ? "body" : name_, object, "an object");
  }

  std::string path(const std::string& key) const { return name_.empty() ? key : name_ + "." + key; }

  const ordered_json* find(const std::string& key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  std::optional<double> number(const std::string& key) const {
    const ordered_json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) refuse_type(path(key), *value, "a number");
    return value->get<double>();
  }

  // An integer of at most 64 bits; its two's complement when negative.
  std::optional<uint64_t> integer(const std::string& key) const {
    const ordered_json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_number_unsigned()) return value->get<uint64_t>();
    if (value->is_number_integer()) return static_cast<uint64_t>(value->get<int64_t>());
    if (value->is_binary()) refuse(path(key), "is an integer of more than 64 bits");
    refuse_type(path(key), *value, "an integer");
  }

  // `least` or more; larger values than an int holds become the largest int.
  std::optional<int> count(const std::string& key, int least) const {
    const std::optional<uint64_t> value = integer(key);
    if (!value.has_value()) return std::nullopt;
    constexpr int kMost = std::numeric_limits<int>::max();
    if (find(key)->is_number_unsigned() && *value > static_cast<uint64_t>(kMost)) return kMost;
    const auto number = static_cast<int64_t>(*value);
    if (number < least) refuse(path(key), "must be at least " + std::to_string(least));
    return static_cast<int>(std::min<int64_t>(number, kMost));
  }

  std::optional<bool> boolean(const std::string& key) const {
    const ordered_json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_boolean()) refuse_type(path(key), *value, "true or false");
    return value->get<bool>();
  }

  std::optional<std::string> string(const std::string& key) const {
    const ordered_json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) refuse_type(path(key), *value, "a string");
    return value->get<std::string>();
  }

 private:
  const ordered_json& object_;
  std::string name_;
};

// Fields whose default this server already fulfils, and nothing else.
void refuse_unsupported(const Fields& body) {
  if (body.count("n", 1).value_or(1) != 1) {
    refuse("n", "only one answer a request is supported", "unsupported_value");
  }
  if (const ordered_json* format = body.find("response_format"); format != nullptr) {
    const Fields fields(*format, "response_format");
    if (fields.string("type").value_or("") != "text") {
      refuse("response_format", "only {\"type\": \"text\"} is supported", "unsupported_value");
    }
  }
}

// {"TOKEN ID": BIAS}.
std::vector<LogitBias> read_logit_bias(const Fields& body) {
  const ordered_json* bias = body.find("logit_bias");
  if (bias == nullptr) return {};
  if (!bias->is_object()) {
    refuse_type("logit_bias", *bias, "an object from token ids to numbers");
  }
  std::vector<LogitBias> entries;
  for (const auto& [key, value] : bias->items()) {
    int32_t token = 0;
    const char* end = key.data() + key.size();
    const auto [rest, fault] = std::from_chars(key.data(), end, token);
    if (fault != std::errc() || rest != end || token < 0) {
      refuse("logit_bias", "\"" + printable(key, 20) + "\" is not a token id");
    }
    if (!value.is_number()) refuse_type("logit_bias." + key, value, "a number");
    entries.push_back({.token = token, .bias = static_cast<float>(value.get<double>())});
  }
  return entries;
}

std::optional<int> read_top_logprobs(const Fields& body) {
  const bool wanted = body.boolean("logprobs").value_or(false);
  const std::optional<int> top = body.count("top_logprobs", 0);
  if (top.value_or(0) > 0 && !wanted) refuse("top_logprobs", "needs \"logprobs\": true");
  if (!wanted) return std::nullopt;
  return top.value_or(0);
}

SamplingOptions read_sampling(const Fields& body) {
  SamplingOptions sampling;
  const auto read = [&](const char* key, float& value) {
    if (const auto number = body.number(key)) value = static_cast<float>(*number);
  };
  read("temperature", sampling.temperature);
  read("top_p", sampling.top_p);
  read("min_p", sampling.min_p);
  read("repetition_penalty", sampling.repetition_penalty);
  read("presence_penalty", sampling.presence_penalty);
  read("frequency_penalty", sampling.frequency_penalty);
  sampling.logit_bias = read_logit_bias(body);
  sampling.top_logprobs = read_top_logprobs(body);
  // Some clients spell "no limit" -1.
  sampling.top_k = std::max(0, body.count("top_k", -1).value_or(0));
  if (const auto seed = body.integer("seed")) {
    sampling.seed = *seed;
  } else {
    std::random_device random;
    sampling.seed = (static_cast<uint64_t>(random()) << 32) | random();
  }
  check_sampling_options(sampling);
  return sampling;
}

std::vector<std::string> read_stop(const Fields& body) {
  const ordered_json* stop = body.find("stop");
  if (stop == nullptr) return {};
  std::vector<std::string> strings;
  const auto add = [&](const ordered_json& value) {
    if (!value.is_string()) refuse_type("stop", value, "a string or an array of strings");
    strings.push_back(value.get<std::string>());
    if (strings.back().empty()) refuse("stop", "holds an empty string");
    if (strings.back().size() > kMaxStopBytes) {
      refuse("stop", "holds a string of more than " + std::to_string(kMaxStopBytes) + " bytes");
    }
  };
  if (!stop->is_array()) {
    add(*stop);
    return strings;
  }
  if (stop->size() > kMaxStops) {
    refuse("stop", "holds more than " + std::to_string(kMaxStops) + " strings");
  }
  for (const ordered_json& value : *stop) add(value);
  return strings;
}

std::vector<int32_t> read_stop_tokens(const Fields& body) {
  const ordered_json* stop = body.find("stop_token_ids");
  if (stop == nullptr) return {};
  if (!stop->is_array()) refuse_type("stop_token_ids", *stop, "an array of token ids");
  if (stop->size() > kMaxStopTokens) {
    refuse("stop_token_ids", "holds more than " + std::to_string(kMaxStopTokens) + " tokens");
  }
  std::vector<int32_t> tokens;
  for (const ordered_json& value : *stop) {
    // A negative one is a very large unsigned one.
    if (!value.is_number_integer() || value.get<uint64_t>() > kMaxTokenId) {
      refuse("stop_token_ids", "holds " + printable(value.dump(), 40) + ", which is no token id");
    }
    tokens.push_back(value.get<int32_t>());
  }
  return tokens;
}

// Thinking as OpenAI, DeepSeek and template users ask for it. The most explicit wins: thinking,
// then chat_template_kwargs, then reasoning_effort; without any the model answers at once.
ChatOptions read_thinking(const Fields& body) {
  std::optional<bool> thinking;
  std::optional<std::string> effort = body.string("reasoning_effort");
  if (const ordered_json* kwargs = body.find("chat_template_kwargs"); kwargs != nullptr) {
    const Fields fields(*kwargs, "chat_template_kwargs");
    thinking = fields.boolean("thinking");
    if (!thinking.has_value()) thinking = fields.boolean("enable_thinking");
    if (!effort.has_value()) effort = fields.string("reasoning_effort");
  }
  if (const ordered_json* value = body.find("thinking"); value != nullptr) {
    if (value->is_boolean()) {
      thinking = value->get<bool>();
    } else {
      const std::string type = Fields(*value, "thinking").string("type").value_or("");
      if (type != "enabled" && type != "disabled") {
        refuse("thinking.type", "must be \"enabled\" or \"disabled\"");
      }
      thinking = type == "enabled";
    }
  }
  ChatOptions options;
  if (effort.has_value()) {
    if (*effort == "high" || *effort == "medium" || *effort == "low" || *effort == "minimal") {
      options.reasoning_effort = ReasoningEffort::kHigh;
    } else if (*effort == "max" || *effort == "xhigh") {
      options.reasoning_effort = ReasoningEffort::kMax;
    } else if (*effort != "none") {
      refuse("reasoning_effort", "must be one of none, minimal, low, medium, high, xhigh, max");
    }
  }
  const bool wanted = thinking.value_or(effort.value_or("none") != "none");
  options.thinking_mode = wanted ? ThinkingMode::kThinking : ThinkingMode::kChat;
  return options;
}

// A content part that is not text would be lost without a word.
void check_content(const ordered_json& message, const std::string& name) {
  const auto content = message.find("content");
  if (content == message.end() || !content->is_array()) return;
  for (size_t i = 0; i < content->size(); ++i) {
    const std::string path = name + ".content[" + std::to_string(i) + "]";
    const Fields part((*content)[i], path);
    const std::string type = part.string("type").value_or("");
    if (type != "text") {
      refuse(path + ".type", "only text parts are supported, not \"" + printable(type, 40) + "\"",
             "unsupported_value");
    }
    if (!part.string("text").has_value()) refuse(path + ".text", "is missing");
  }
}

// The messages as the encoder takes them: developer messages are system messages (V4 knows the role
// for another purpose), and the tools belong to a system message at the beginning.
ordered_json read_messages(const Fields& body) {
  const ordered_json* given = body.find("messages");
  if (given == nullptr) refuse("messages", "is missing", "missing_required_parameter");
  if (!given->is_array()) refuse_type("messages", *given, "an array");
  if (given->empty()) refuse("messages", "is empty");
  ordered_json messages = *given;
  std::string last_role;
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string name = "messages[" + std::to_string(i) + "]";
    ordered_json& message = messages[i];
    last_role = Fields(message, name).string("role").value_or("");
    if (last_role == "developer") message["role"] = "system";
    check_content(message, name);
  }
  if (last_role == "assistant" || last_role == "system" || last_role == "developer" ||
      last_role == "latest_reminder") {
    refuse("messages", "must end with a message of role user or tool, not " + last_role);
  }

  const ordered_json* choice = body.find("tool_choice");
  if (choice != nullptr && *choice != "auto" && *choice != "none") {
    refuse("tool_choice", "only \"auto\" and \"none\" are supported", "unsupported_value");
  }
  const ordered_json* tools = body.find("tools");
  if (tools == nullptr || (choice != nullptr && *choice == "none")) return messages;
  if (!tools->is_array()) refuse_type("tools", *tools, "an array");
  for (size_t i = 0; i < tools->size(); ++i) {
    const std::string path = "tools[" + std::to_string(i) + "]";
    const Fields tool((*tools)[i], path);
    if (tool.string("type").value_or("function") != "function") {
      refuse(path + ".type", "only tools of type function are supported", "unsupported_value");
    }
    const ordered_json* function = tool.find("function");
    if (function == nullptr) refuse(path + ".function", "is missing");
    if (Fields(*function, path + ".function").string("name").value_or("").empty()) {
      refuse(path + ".function.name", "is missing");
    }
  }
  if (tools->empty()) return messages;
  if (messages.front().value("role", "") != "system") {
    const ordered_json system = {{"role", "system"}, {"content", ""}};
    messages.insert(messages.begin(), system);
  }
  messages.front()["tools"] = *tools;
  return messages;
}

}  // namespace

ChatCompletionRequest read_chat_completion_request(std::string_view body,
                                                   const std::string& model_name,
                                                   const Tokenizer& tokenizer) {
  const ordered_json json = parse_json_body(body);
  const Fields fields(json, "");
  const std::string model = fields.string("model").value_or(model_name);
  if (model != model_name) {
    throw ApiException({.status = 404,
                        .message = "the model \"" + printable(model, 100) +
                                   "\" is not served here; this server has \"" + model_name + "\"",
                        .param = "model",
                        .code = "model_not_found"});
  }
  refuse_unsupported(fields);

  ChatCompletionRequest request;
  request.stream = fields.boolean("stream").value_or(false);
  if (const ordered_json* options = fields.find("stream_options"); options != nullptr) {
    request.include_usage =
        Fields(*options, "stream_options").boolean("include_usage").value_or(false);
  }
  request.turn.sampling = read_sampling(fields);
  request.turn.stop = read_stop(fields);
  request.turn.stop_tokens = read_stop_tokens(fields);
  request.turn.cache_salt = fields.string("cache_salt").value_or("");
  if (request.turn.cache_salt.size() > kMaxSaltBytes) {
    refuse("cache_salt", "is longer than " + std::to_string(kMaxSaltBytes) + " bytes");
  }
  if (const std::optional<double> priority = fields.number("priority")) {
    if (std::abs(*priority) > kMostPriority || *priority != std::trunc(*priority)) {
      refuse("priority", "is no whole number from -1000 to 1000");
    }
    request.turn.priority = static_cast<int>(*priority);
  }
  request.turn.timeout = fields.number("timeout");
  if (request.turn.timeout &&
      !(*request.turn.timeout > 0 && *request.turn.timeout <= kLongestTimeout)) {
    refuse("timeout", "is no number of seconds above 0, up to a day");
  }
  const std::optional<int> limit = fields.count("max_tokens", 1);
  request.turn.max_tokens = fields.count("max_completion_tokens", 1).value_or(limit.value_or(0));

  const ChatOptions options = read_thinking(fields);
  request.turn.thinking_mode = options.thinking_mode;
  request.turn.prompt =
      tokenize_prompt(tokenizer, encode_chat_pieces(read_messages(fields), options));
  return request;
}

}  // namespace hadal
