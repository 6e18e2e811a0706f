#include "measure/run/endpoint.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/python_json.h"
#include "measure/client/http_fetch.h"
#include "measure/client/secrets.h"
#include "measure/run/ask_once.h"
#include "measure/workload/prompt_text.h"

namespace hadal {
namespace {

constexpr int kOk = 200;

[[noreturn]] void refuse(const std::string& where, std::string what, std::string remedy) {
  throw Error({.code = ErrorCode::kUnavailable,
               .where = where,
               .what = std::move(what),
               .remedy = std::move(remedy)});
}

// What to do about a request that did not come to a 200.
std::string remedy_of(const HttpEnd& end) {
  constexpr int kUnauthorised = 401;
  constexpr int kForbidden = 403;
  constexpr int kNotFound = 404;
  constexpr int kTooMany = 429;
  if (end.failure == "connect") return "start the server, or mend the address";
  if (end.failure == "resolve") return "mend the host's name";
  if (end.failure == "tls") {
    return "use http:// where the server speaks no TLS; --ca-file names a certificate to trust, "
           "--insecure checks none";
  }
  if (end.failure == "timeout") return "look whether the server is stuck";
  if (!end.location.empty()) return "it leads to " + end.location + "; give that address";
  if (end.status == kUnauthorised || end.status == kForbidden) return "give a key with --key-file";
  if (end.status == kNotFound) {
    return "give the address before /v1 of a server with OpenAI's interface";
  }
  if (end.status == kTooMany) return "ask again when the server's limit allows";
  return "look into the server's log";
}

std::string what_happened(const HttpEnd& end, const std::string& body) {
  if (!end.failure.empty()) return fmt::format("{} ({})", end.text, end.failure);
  return fmt::format("HTTP status {}{}{}", end.status, body.empty() ? "" : ": ", body);
}

std::string text_at(const nlohmann::ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<int64_t> count_at(const nlohmann::ordered_json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  constexpr double kMost = 1e12;
  if (!(value >= 1 && value <= kMost)) return std::nullopt;
  return static_cast<int64_t>(value);
}

class Prober {
 public:
  explicit Prober(const EndpointOptions& options) : options_(options) {
    found_.base = base_url(options.url);
    found_.http.headers = options.headers;
    if (!options.key.empty()) {
      found_.http.headers.push_back("Authorization: Bearer " + options.key);
    }
    found_.http.verify_tls = options.verify_tls;
    found_.http.ca_file = options.ca_file;
    found_.secrets = secrets_of(found_.http.headers);
  }

  Endpoint find() {
    find_model();
    find_version();
    if (options_.context) found_.context = options_.context;
    find_api();
    confirm_length();
    return std::move(found_);
  }

 private:
  HttpAnswer get(const std::string& path) const {
    return fetch(found_.http, {.url = found_.base + path, .timeout = options_.timeout});
  }

  // The parsed body of a GET; null where there is none.
  nlohmann::ordered_json get_json(const std::string& path) const {
    const HttpAnswer answer = get(path);
    if (!answer.end.failure.empty() || answer.end.status != kOk) return nullptr;
    try {
      return parse_json(answer.body, path);
    } catch (const Error&) {
      return nullptr;
    }
  }

  void find_model() {
    const HttpAnswer answer = get("/v1/models");
    server_ = answer.end.server;
    constexpr int kNotFound = 404;
    if (answer.end.failure.empty() && answer.end.status == kNotFound && !options_.model.empty()) {
      found_.model = options_.model;
      found_.notes.emplace_back("the server lists no models");
      return;
    }
    if (!answer.end.failure.empty() || answer.end.status != kOk) {
      refuse(found_.base + "/v1/models", clean(what_happened(answer.end, answer.body)),
             clean(remedy_of(answer.end)));
    }
    read_models(parse_models(answer.body));
  }

  nlohmann::ordered_json parse_models(const std::string& body) const {
    const std::string where = found_.base + "/v1/models";
    nlohmann::ordered_json list;
    try {
      list = parse_json(body, where);
    } catch (const Error& error) {
      refuse(where, error.parts().what, "give the address of a server with OpenAI's interface");
    }
    const auto data = list.is_object() ? list.find("data") : list.end();
    if (!list.is_object() || data == list.end() || !data->is_array() || data->empty()) {
      refuse(where, "the answer lists no models",
             "give the address of a server with OpenAI's interface, or name the model");
    }
    return *data;
  }

  void read_models(const nlohmann::ordered_json& list) {
    std::string names;
    for (const nlohmann::ordered_json& model : list) {
      if (!model.is_object()) continue;
      const auto id = model.find("id");
      if (id == model.end() || !id->is_string()) continue;
      const auto name = id->get<std::string>();
      if (name.empty() || without_secrets(name, found_.secrets) != name) continue;
      names += (names.empty() ? "" : ", ") + printable(name);
      if (!found_.model.empty() || (!options_.model.empty() && name != options_.model)) continue;
      found_.model = name;
      found_.engine = engine_of(text_at(model, "owned_by"));
      for (const char* key : {"max_model_len", "context_length", "max_context_length"}) {
        if (!found_.context) found_.context = count_at(model, key);
      }
    }
    if (names.empty()) {
      refuse(found_.base + "/v1/models", "no model in the list has an id",
             "give the address of a server with OpenAI's interface");
    }
    if (found_.model.empty()) {
      refuse(found_.base + "/v1/models", "there is no model " + printable(options_.model),
             "use one of " + names);
    }
  }

  // Of what a server says of itself; owners of models that are no engine tell nothing.
  static std::string engine_of(const std::string& owner) {
    constexpr std::array<std::string_view, 9> kEngines = {
        "vllm",     "sglang",        "hadal", "llamacpp", "tensorrt_llm",
        "lmdeploy", "ktransformers", "atom",  "ollama"};
    for (const std::string_view engine : kEngines) {
      if (owner.starts_with(engine)) return std::string(engine);
    }
    return {};
  }

  // In one line, and without the keys that it quotes.
  std::string clean(const std::string& text) const {
    return printable(without_secrets(text, found_.secrets));
  }

  void find_version() {
    if (const size_t slash = server_.find('/'); server_.starts_with("hadal")) {
      found_.engine = "hadal";
      if (slash != std::string::npos) found_.engine_version = server_.substr(slash + 1);
    }
    if (found_.engine_version.empty()) {
      const nlohmann::ordered_json version = get_json("/version");
      if (version.is_object()) found_.engine_version = text_at(version, "version");
    }
    if (found_.engine == "sglang" && found_.engine_version.empty()) {
      const nlohmann::ordered_json info = get_json("/get_server_info");
      if (info.is_object()) found_.engine_version = text_at(info, "version");
    }
    if (found_.engine == "llamacpp") {
      const nlohmann::ordered_json properties = get_json("/props");
      if (properties.is_object()) found_.engine_version = text_at(properties, "build_info");
    }
    found_.engine_version = clean(found_.engine_version);
  }

  FinishedAnswer ask(const Prompt& prompt, const BodyOptions& body) const {
    return ask_once(found_, prompt, body, options_.timeout);
  }

  // Leaves out, one after the other, what the server refuses. True: it answered.
  bool settle_fields(const Prompt& prompt, RequestRecord& last) {
    struct Fields {
      bool usage, continuous, ignore_eos;
    };
    constexpr std::array<Fields, 6> kAttempts = {{{true, true, true},
                                                  {true, false, true},
                                                  {true, true, false},
                                                  {true, false, false},
                                                  {false, false, true},
                                                  {false, false, false}}};
    for (const Fields& fields : kAttempts) {
      found_.has_usage = fields.usage;
      found_.has_continuous_usage = fields.continuous;
      found_.takes_ignore_eos = fields.ignore_eos;
      last = ask(prompt, {.output_tokens = 4}).record;
      if (last.outcome == RequestOutcome::kOk || last.failure == "empty") return true;
      constexpr int kBadRequest = 400;
      constexpr int kUnprocessable = 422;
      if (last.http_status != kBadRequest && last.http_status != kUnprocessable) return false;
    }
    return false;
  }

  static Prompt token_prompt(int32_t id, int count) {
    Prompt prompt{.form = PromptForm::kTokens};
    for (int i = 0; i < count; ++i) prompt.tokens.push_back(id - i % std::max(1, id / 2));
    return prompt;
  }

  // Ids are tried from small to large: some servers do not survive one that they do not have.
  std::optional<Vocabulary> find_vocabulary(RequestRecord& last) {
    if (options_.vocabulary) {
      const Prompt prompt = token_prompt(options_.vocabulary->at(0), 1);
      return settle_fields(prompt, last) ? options_.vocabulary : std::nullopt;
    }
    constexpr std::array<int32_t, 3> kTrials = {250, 2000, 30000};
    std::optional<Vocabulary> found;
    for (const int32_t id : kTrials) {
      const Prompt prompt = token_prompt(id, 1);
      const bool taken = found ? ask(prompt, {.output_tokens = 1}).record.http_status == kOk
                               : settle_fields(prompt, last);
      if (!taken) break;
      found = Vocabulary(id / 10, id + 1);
    }
    return found;
  }

  bool try_token_ids(RequestRecord& last) {
    found_.is_chat = false;
    const std::optional<Vocabulary> vocabulary = find_vocabulary(last);
    if (!vocabulary) return false;
    constexpr int kTokens = 64;
    const RequestRecord record =
        ask(token_prompt(vocabulary->at(vocabulary->size() - 1), kTokens), {.output_tokens = 1})
            .record;
    // Servers without usage cannot confirm it; ids were taken all the same.
    if (record.input_tokens && !is_close_length(kTokens, *record.input_tokens)) return false;
    found_.takes_token_ids = true;
    found_.style = {.form = PromptForm::kTokens, .vocabulary = *vocabulary};
    return true;
  }

  bool try_text(bool chat, RequestRecord& last) {
    found_.is_chat = chat;
    found_.takes_token_ids = false;
    const Prompt prompt = {.form = PromptForm::kText, .text = "What is the sky like today?"};
    if (!settle_fields(prompt, last)) return false;
    const int64_t most = std::min<int64_t>(1024, found_.context.value_or(1 << 20) / 4);
    found_.style = {.form = chat ? PromptForm::kMessages : PromptForm::kText,
                    .text = measure_text([this](std::string_view text) { return count(text); },
                                         std::max<int64_t>(most, 16))};
    return true;
  }

  // How many tokens the server counts for a prompt of this text.
  int64_t count(std::string_view text) const {
    const Prompt prompt = {.form = PromptForm::kText, .text = std::string(text)};
    Prompt asked = prompt;
    if (found_.is_chat) {
      asked = {.form = PromptForm::kMessages,
               .messages = {{.role = "user", .content = prompt.text}}};
    }
    const RequestRecord record = ask(asked, {.output_tokens = 1}).record;
    if (record.input_tokens) return *record.input_tokens;
    if (record.http_status != kOk) {
      refuse(found_.url(), "a probe failed (" + record.failure + "): " + record.failure_text,
             "look into the server's log");
    }
    refuse(found_.url(), "the server does not tell how many tokens a prompt has",
           "use a server that sends usage, or one that takes token ids");
  }

  void find_api() {
    RequestRecord last;
    const bool wants_completions = options_.api != ApiChoice::kChat;
    if (wants_completions && !options_.texts_only && try_token_ids(last)) return;
    if (options_.api == ApiChoice::kCompletions && try_text(false, last)) return;
    if (options_.api != ApiChoice::kCompletions && try_text(true, last)) return;
    refuse(found_.url(), "no request is answered (" + last.failure + "): " + last.failure_text,
           remedy_of(
               {.failure = last.http_status == 0 ? last.failure : "", .status = last.http_status}));
  }

  // The server itself confirms that a prompt of a wanted length has it.
  void confirm_length() {
    if (!found_.has_usage) {
      found_.notes.emplace_back("the server tells no usage: tokens are estimated from events");
      return;
    }
    if (!found_.takes_ignore_eos) {
      found_.notes.emplace_back("the server does not take ignore_eos: answers may end early");
    }
    const int64_t wanted = std::clamp<int64_t>(found_.context.value_or(1 << 20) / 2, 32, 1024);
    for (int attempt = 0;; ++attempt) {
      const int64_t counted = count_random_prompt(wanted, attempt);
      if (counted == 0) {
        found_.has_usage = false;
        found_.notes.emplace_back("the server tells no usage: tokens are estimated from events");
        return;
      }
      if (is_close_length(wanted, counted)) return;
      constexpr int kAttempts = 3;
      if (found_.takes_token_ids || attempt == kAttempts) {
        refuse(found_.url(),
               fmt::format("a prompt of {} tokens counts as {} there", wanted, counted),
               "lengths would not be what they are called; look whether a proxy changes prompts");
      }
      // Words differ in their tokens: what this prompt of many says counts.
      const double overhead = found_.style.text.overhead_tokens;
      found_.style.text.tokens_per_word *=
          (static_cast<double>(counted) - overhead) / (static_cast<double>(wanted) - overhead);
    }
  }

  // What the server counts for a random prompt of so many tokens; 0: it does not tell.
  int64_t count_random_prompt(int64_t tokens, int attempt) const {
    constexpr uint64_t kStream = 0x636f6e6669726d;
    const std::vector<ContentPiece> pieces = {
        {.stream = kStream + static_cast<uint64_t>(attempt), .tokens = tokens}};
    const RequestRecord record =
        ask(make_prompt(pieces, found_.style), {.output_tokens = 2}).record;
    if (record.outcome != RequestOutcome::kOk) {
      refuse(found_.url(),
             fmt::format("a prompt of {} tokens failed ({}): {}", tokens, record.failure,
                         record.failure_text),
             "look into the server's log");
    }
    return record.input_tokens.value_or(0);
  }

  const EndpointOptions& options_;
  Endpoint found_;
  std::string server_;
};

}  // namespace

std::string Endpoint::url() const {
  return base + (is_chat ? "/v1/chat/completions" : "/v1/completions");
}

std::string base_url(std::string_view url) {
  const auto refuse_url = [](std::string what) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--url",
                 .what = std::move(what),
                 .remedy = "give the server's address, such as http://127.0.0.1:8000"});
  };
  // Not shown: it may be a password.
  if (url.find('@') != std::string_view::npos ||
      url.find_first_of("?#") != std::string_view::npos) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--url",
                 .what = "holds a name, a password or a query, which would be kept with the run",
                 .remedy = "give the plain address, and secrets with --key-file or --headers"});
  }
  std::string base(url);
  if (base.find("://") == std::string::npos) base = "http://" + base;
  const auto scheme_end = base.begin() + static_cast<std::ptrdiff_t>(base.find("://"));
  std::transform(base.begin(), scheme_end, base.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (!base.starts_with("http://") && !base.starts_with("https://")) {
    refuse_url("is neither http:// nor https://: " + printable(url));
  }
  const auto strip = [&base](std::string_view end) {
    if (base.ends_with(end)) base.resize(base.size() - end.size());
  };
  const auto strip_slashes = [&] {
    while (base.ends_with('/') && !base.ends_with("://")) base.pop_back();
  };
  strip_slashes();
  strip("/chat/completions");
  strip("/completions");
  strip("/models");
  strip_slashes();
  strip("/v1");
  strip_slashes();
  if (base.ends_with("://") || base.find_first_of(" \t\r\n") != std::string::npos) {
    refuse_url("names no host: " + printable(url));
  }
  return base;
}

Endpoint probe_endpoint(const EndpointOptions& options) { return Prober(options).find(); }

}  // namespace hadal
