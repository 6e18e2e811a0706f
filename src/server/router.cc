#include "server/router.h"

#include <exception>
#include <new>
#include <utility>

#include "base/error.h"
#include "server/api_error.h"

namespace hadal {

void Router::add(std::string method, std::string path, Handler handler) {
  routes_.push_back({std::move(method), std::move(path), std::move(handler)});
}

std::string canonical_path(std::string_view path) {
  constexpr std::string_view kVersion = "/v1";
  std::string plain;
  for (const char c : path) {
    if (c != '/' || !plain.ends_with('/')) plain += c;
  }
  if (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  while (plain.starts_with("/v1/v1/")) plain.erase(0, kVersion.size());
  return plain;
}

bool Router::has(std::string_view path) const {
  return std::any_of(routes_.begin(), routes_.end(), [&](const Route& route) {
    return route.path == path || (route.path.ends_with('/') && path.starts_with(route.path));
  });
}

void Router::dispatch(const std::shared_ptr<Exchange>& exchange) const {
  const HttpRequest& request = exchange->request();
  const std::string_view host = request.header("Host");
  if (!guard_.accepts(host)) {
    exchange->respond(api_error_response(
        {.status = 403, .message = HostGuard::refusal(host), .code = "host_not_allowed"}));
    return;
  }
  if (request.path == "*") {
    exchange->respond({.headers = {{"Allow", "GET, HEAD, POST, OPTIONS"}}});
    return;
  }

  std::string path = canonical_path(request.path);
  if (!has(path) && has("/v1" + path)) path.insert(0, "/v1");
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  std::string allowed;
  for (const Route& route : routes_) {
    const bool prefix = route.path.ends_with('/') && path.starts_with(route.path);
    if (!prefix && path != route.path) continue;
    if (route.method != method) {
      allowed += (allowed.empty() ? "" : ", ") + route.method;
      if (route.method == "GET") allowed += ", HEAD";
      continue;
    }
    try {
      route.handler(exchange,
                    prefix ? std::string_view(path).substr(route.path.size()) : std::string_view());
    } catch (const ApiException& error) {
      exchange->respond(api_error_response(error.error()));
    } catch (const Error& error) {
      exchange->respond(api_error_response(api_error_of(error)));
    } catch (const std::bad_alloc&) {
      exchange->respond(api_error_response(
          {.status = 503, .message = "the server is out of memory; try again later"}));
    } catch (const std::exception& error) {
      exchange->respond(api_error_response(
          {.status = 500, .message = std::string("internal fault: ") + error.what()}));
    }
    return;
  }
  if (!allowed.empty()) {
    HttpResponse response =
        api_error_response({.status = 405,
                            .message = printable(request.path, 100) + " takes " + allowed +
                                       ", not " + printable(request.method, 20),
                            .code = "method_not_allowed"});
    response.headers.emplace_back("Allow", allowed);
    exchange->respond(std::move(response));
    return;
  }
  exchange->respond(
      api_error_response({.status = 404,
                          .message = "there is nothing at " + printable(request.path, 100) +
                                     "; this server answers POST "
                                     "/v1/chat/completions, GET /v1/models, "
                                     "GET /health and GET /metrics",
                          .code = "not_found"}));
}

}  // namespace hadal
