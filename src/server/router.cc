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

  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  std::string allowed;
  for (const Route& route : routes_) {
    const bool prefix = route.path.ends_with('/') && request.path.starts_with(route.path);
    if (!prefix && request.path != route.path) continue;
    if (route.method != method) {
      allowed += (allowed.empty() ? "" : ", ") + route.method;
      if (route.method == "GET") allowed += ", HEAD";
      continue;
    }
    try {
      route.handler(exchange, prefix ? std::string_view(request.path).substr(route.path.size())
                                     : std::string_view());
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
