#include "server/server.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "checkpoint/v4/config.h"
#include "engine/engine.h"
#include "server/answer_headers.h"
#include "server/api_error.h"
#include "server/host_guard.h"
#include "server/http/http_server.h"
#include "server/http/uri_host.h"
#include "server/metrics.h"
#include "server/openai/answer_fields.h"
#include "server/openai/chat_handler.h"
#include "server/openai/completion_handler.h"
#include "server/openai/model_service.h"
#include "server/openai/tokenize_handler.h"
#include "server/origin_guard.h"
#include "server/request_id.h"
#include "server/router.h"
#include "server/told_names.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// The most that one token of DeepSeek's vocabulary takes of a body: 128 spaces as they are, or up
// to 20 characters as \uXXXX (6 bytes each; 12, in two halves, beyond U+FFFF).
constexpr size_t kBodyBytesPerToken = 128;
// For what is no part of the prompt: names of fields, reasoning of earlier turns.
constexpr size_t kBodyBytesBesides = size_t{8} << 20;

// A server that other machines reach is known to them by names that hadal does not know: unless the
// user lists them, all are accepted.
HostGuard host_guard(const ServerOptions& options, bool on_loopback) {
  if (!on_loopback && options.allowed_hosts.empty()) return {};
  std::vector<std::string> names = options.allowed_hosts;
  const std::optional<UriHost> own = parse_uri_host(options.host);
  if (own.has_value() && !own->is_address) names.push_back(options.host);
  return HostGuard(names);
}

}  // namespace

struct Server::Impl {
  Impl(Engine& server_engine, const Tokenizer& server_tokenizer,
       const ServerOptions& server_options)
      : engine(server_engine),
        tokenizer(server_tokenizer),
        options(server_options),
        unknown_fields(server_options.on_unknown_field),
        service(model_service()),
        origins(options.allowed_origins, options.allowed_hosts),
        router(api_error_response),
        http(
            counting(server_options),
            [this](const std::shared_ptr<Exchange>& exchange) { answer(exchange); },
            [this](const HttpRequest& request, const HttpError& error) {
              return with_request_id(router.error_writer(request.path)(error), request);
            }) {
    add_guards();
    add_routes();
  }

  void answer(std::shared_ptr<Exchange> exchange) {
    const HttpHeaders headers = cors_headers(origins, exchange->request());
    exchange = with_request_id(std::move(exchange));
    if (!headers.empty()) exchange = with_answer_headers(std::move(exchange), headers);
    router.dispatch(exchange);
  }

  void add_guards() {
    router.add_guard(
        [hosts = host_guard(options, http.on_loopback())](
            const HttpRequest& request, const ErrorWriter& write) -> std::optional<HttpResponse> {
          const std::string_view host = request.header("Host");
          if (hosts.accepts(host)) return std::nullopt;
          return write(
              {.status = 403, .message = HostGuard::refusal(host), .code = "host_not_allowed"});
        });
    router.add_guard([this](const HttpRequest& request,
                            const ErrorWriter& write) -> std::optional<HttpResponse> {
      const std::string_view origin = request.header("Origin");
      if (origins.accepts(origin, request.header("Host"))) {
        return preflight_answer(origins, request);
      }
      return write(
          {.status = 403, .message = OriginGuard::refusal(origin), .code = "origin_not_allowed"});
    });
  }

  void add_routes() {
    using ExchangePtr = std::shared_ptr<Exchange>;
    // A comment of server-sent events, which clients pass over.
    constexpr char kStillWorking[] = ": still working\n\n";
    router.add({.method = "POST",
                .path = "/v1/chat/completions",
                .handler = [this](const ExchangePtr& exchange,
                                  std::string_view) { handle_chat_completion(exchange, service); },
                .keep_alive_text = kStillWorking});
    router.add({.method = "POST",
                .path = "/v1/completions",
                .handler = [this](const ExchangePtr& exchange,
                                  std::string_view) { handle_completion(exchange, service); },
                .keep_alive_text = kStillWorking});
    router.add({.method = "POST",
                .path = "/v1/tokenize",
                .handler = [this](const ExchangePtr& exchange, std::string_view) {
                  handle_tokenize(*exchange, service);
                }});
    router.add({.method = "POST",
                .path = "/v1/detokenize",
                .handler = [this](const ExchangePtr& exchange, std::string_view) {
                  handle_detokenize(*exchange, service);
                }});
    router.add({.method = "GET",
                .path = "/v1/models",
                .handler = [this](const ExchangePtr& exchange, std::string_view) {
                  get_models(*exchange);
                }});
    router.add({.method = "GET",
                .path = "/v1/models/",
                .handler = [this](const ExchangePtr& exchange, std::string_view name) {
                  get_model(*exchange, name);
                }});
    router.add({.method = "GET",
                .path = "/health",
                .handler = [this](const ExchangePtr& exchange, std::string_view) {
                  get_health(*exchange);
                }});
    router.add({.method = "GET",
                .path = "/version",
                .handler = [](const ExchangePtr& exchange, std::string_view) {
                  const ordered_json body = {{"version", HADAL_VERSION}};
                  exchange->respond({.body = body.dump() + "\n"});
                }});
    router.add({.method = "GET",
                .path = "/metrics",
                .handler = [this](const ExchangePtr& exchange, std::string_view) {
                  exchange->respond({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                     .body = metrics_text(engine.statistics(), options.model_name,
                                                          answers.counts())});
                }});
  }

  ModelService model_service() {
    std::vector<std::string> names{options.model_name};
    for (const std::string& name : options.other_names) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return {.engine = engine,
            .tokenizer = tokenizer,
            .model_names = std::move(names),
            .sampling = options.sampling,
            .efforts = options.efforts,
            .strict = options.strict,
            .on_unknown_fields = [this](const std::vector<std::string>& fields) {
              unknown_fields.add(fields);
            }};
  }

  // The options with a report of requests that counts them for /metrics first.
  ServerOptions counting(ServerOptions wanted) {
    wanted.on_request = [this, report = std::move(wanted.on_request)](const RequestLog& request) {
      answers.add(request.status);
      if (report) report(request);
    };
    return wanted;
  }

  ordered_json model_json(std::string_view name) const {
    return {{"id", name},
            {"object", "model"},
            {"created", started},
            {"owned_by", "hadal"},
            {"context_length", engine.max_context()}};
  }

  void get_models(Exchange& exchange) const {
    ordered_json body = {{"object", "list"}, {"data", ordered_json::array()}};
    for (const std::string& name : service.model_names) body["data"].push_back(model_json(name));
    exchange.respond({.body = body.dump() + "\n"});
  }

  void get_model(Exchange& exchange, std::string_view name) const {
    const std::vector<std::string>& names = service.model_names;
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw ApiException(model_not_found(name, names));
    }
    exchange.respond({.body = model_json(name).dump() + "\n"});
  }

  void get_health(Exchange& exchange) const {
    const EngineStatistics statistics = engine.statistics();
    const ordered_json body = {{"status", "ok"},
                               {"model", options.model_name},
                               {"requests_running", statistics.running},
                               {"requests_waiting", statistics.waiting}};
    exchange.respond({.body = body.dump() + "\n"});
  }

  Engine& engine;
  const Tokenizer& tokenizer;
  const ServerOptions options;
  const int64_t started = std::chrono::duration_cast<std::chrono::seconds>(
                              std::chrono::system_clock::now().time_since_epoch())
                              .count();
  ToldNames unknown_fields;
  const ModelService service;
  AnswerCounts answers;
  const OriginGuard origins;
  Router router;
  HttpServer http;
};

size_t default_max_body(int max_context) {
  return kBodyBytesBesides + static_cast<size_t>(max_context) * kBodyBytesPerToken;
}

Server::Server(Engine& engine, const Tokenizer& tokenizer, const ServerOptions& options)
    : impl_(std::make_unique<Impl>(engine, tokenizer, options)) {}

Server::~Server() = default;

uint16_t Server::port() const { return impl_->http.port(); }

void Server::run() { impl_->http.run(); }

void Server::stop() { impl_->http.stop(); }

}  // namespace hadal
