#include "server/server.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "checkpoint/config.h"
#include "engine/engine.h"
#include "server/api_error.h"
#include "server/chat_handler.h"
#include "server/chat_request.h"
#include "server/http_server.h"
#include "server/metrics.h"
#include "server/request_id.h"
#include "server/router.h"
#include "server/told_names.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kModels = "/v1/models/";

bool is_loopback(const std::string& host) {
  return host.starts_with("127.") || host == "::1" || host == "localhost";
}

std::vector<std::string> accepted_hosts(const ServerOptions& options) {
  if (!is_loopback(options.host)) return {};
  std::vector<std::string> hosts{"localhost", "127.0.0.1", "::1", host_name(options.host)};
  for (const std::string& host : options.allowed_hosts) hosts.push_back(host_name(host));
  return hosts;
}

}  // namespace

struct Server::Impl {
  Impl(Engine& server_engine, const Tokenizer& server_tokenizer,
       const ServerOptions& server_options)
      : engine(server_engine),
        tokenizer(server_tokenizer),
        options(server_options),
        unknown_fields(server_options.on_unknown_field),
        chats(chat_service()),
        router(accepted_hosts(server_options)),
        http(counting(server_options), [this](const std::shared_ptr<Exchange>& exchange) {
          router.dispatch(with_request_id(exchange));
        }) {
    router.add("POST", "/v1/chat/completions",
               [this](const std::shared_ptr<Exchange>& exchange, std::string_view) {
                 handle_chat_completion(exchange, chats);
               });
    router.add("GET", "/v1/models",
               [this](const std::shared_ptr<Exchange>& exchange, std::string_view) {
                 ordered_json body = {{"object", "list"}, {"data", ordered_json::array()}};
                 for (const std::string& name : chats.model_names) {
                   body["data"].push_back(model_json(name));
                 }
                 exchange->respond({.body = body.dump() + "\n"});
               });
    router.add("GET", std::string(kModels),
               [this](const std::shared_ptr<Exchange>& exchange, std::string_view name) {
                 get_model(*exchange, name);
               });
    router.add("GET", "/health",
               [this](const std::shared_ptr<Exchange>& exchange, std::string_view) {
                 get_health(*exchange);
               });
    router.add(
        "GET", "/metrics", [this](const std::shared_ptr<Exchange>& exchange, std::string_view) {
          exchange->respond(
              {.content_type = "text/plain; version=0.0.4; charset=utf-8",
               .body = metrics_text(engine.statistics(), options.model_name, answers.counts())});
        });
  }

  ChatService chat_service() {
    std::vector<std::string> names{options.model_name};
    for (const std::string& name : options.other_names) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return {.engine = engine,
            .tokenizer = tokenizer,
            .model_names = std::move(names),
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

  void get_model(Exchange& exchange, std::string_view name) const {
    const std::vector<std::string>& names = chats.model_names;
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
  const ChatService chats;
  AnswerCounts answers;
  Router router;
  HttpServer http;
};

Server::Server(Engine& engine, const Tokenizer& tokenizer, const ServerOptions& options)
    : impl_(std::make_unique<Impl>(engine, tokenizer, options)) {}

Server::~Server() = default;

uint16_t Server::port() const { return impl_->http.port(); }

void Server::run() { impl_->http.run(); }

void Server::stop() { impl_->http.stop(); }

}  // namespace hadal
