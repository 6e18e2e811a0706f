#include "server/router.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "base/error.h"
#include "server/api_error.h"

namespace hadal {
namespace {

bool is_prefix(const Route& route) { return route.path.ends_with('/'); }

bool takes(const Route& route, std::string_view path) {
  return route.path == path || (is_prefix(route) && path.starts_with(route.path));
}

// HEAD stands where GET does.
std::string with_head(const std::string& method) { return method == "GET" ? "GET, HEAD" : method; }

}  // namespace

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

const Route* Router::find(std::string_view path) const {
  const auto found = std::find_if(routes_.begin(), routes_.end(),
                                  [&](const Route& route) { return takes(route, path); });
  return found == routes_.end() ? nullptr : &*found;
}

std::string Router::known_path(std::string_view path) const {
  std::string known = canonical_path(path);
  if (find(known) == nullptr && find("/v1" + known) != nullptr) known.insert(0, "/v1");
  return known;
}

const ErrorWriter& Router::writer_of(const Route* route) const {
  return route != nullptr && route->write_error ? route->write_error : write_error_;
}

const ErrorWriter& Router::error_writer(std::string_view path) const {
  return writer_of(find(known_path(path)));
}

std::string Router::list_routes() const {
  std::vector<std::string> names;
  for (const Route& route : routes_) {
    if (!is_prefix(route)) names.push_back(route.method + " " + route.path);
  }
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  }
  return text;
}

std::string Router::list_methods() const {
  std::vector<std::string> methods;
  for (const Route& route : routes_) {
    const std::string method = with_head(route.method);
    if (std::find(methods.begin(), methods.end(), method) == methods.end()) {
      methods.push_back(method);
    }
  }
  std::string text;
  for (const std::string& method : methods) text += method + ", ";
  return text + "OPTIONS";
}

void Router::handle(const Route& route, const std::shared_ptr<Exchange>& exchange,
                    std::string_view rest) const {
  const ErrorWriter& write = writer_of(&route);
  try {
    exchange->set_style({.keep_alive_text = route.keep_alive_text, .write_error = write});
    route.handler(exchange, rest);
  } catch (const HttpException& error) {
    exchange->respond(write(error.error()));
  } catch (const Error& error) {
    exchange->respond(write(api_error_of(error)));
  } catch (const std::bad_alloc&) {
    exchange->respond(
        write({.status = 503, .message = "the server is out of memory; try again later"}));
  } catch (const std::exception& error) {
    exchange->respond(
        write({.status = 500, .message = std::string("internal fault: ") + error.what()}));
  }
}

void Router::dispatch(const std::shared_ptr<Exchange>& exchange) const {
  const HttpRequest& request = exchange->request();
  const std::string path = known_path(request.path);
  const ErrorWriter& write = writer_of(find(path));
  for (const Guard& guard : guards_) {
    if (std::optional<HttpResponse> answer = guard(request, write)) {
      exchange->respond(*std::move(answer));
      return;
    }
  }
  if (request.path == "*") {
    exchange->respond({.headers = {{"Allow", list_methods()}}});
    return;
  }

  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  std::string allowed;
  for (const Route& route : routes_) {
    if (!takes(route, path)) continue;
    if (route.method == method) {
      handle(
          route, exchange,
          is_prefix(route) ? std::string_view(path).substr(route.path.size()) : std::string_view());
      return;
    }
    allowed += (allowed.empty() ? "" : ", ") + with_head(route.method);
  }
  if (!allowed.empty()) {
    HttpResponse response = write({.status = 405,
                                   .message = printable(request.path, 100) + " takes " + allowed +
                                              ", not " + printable(request.method, 20),
                                   .code = "method_not_allowed"});
    response.headers.emplace_back("Allow", allowed);
    exchange->respond(std::move(response));
    return;
  }
  exchange->respond(write({.status = 404,
                           .message = "there is nothing at " + printable(request.path, 100) +
                                      "; this server answers " + list_routes(),
                           .code = "not_found"}));
}

}  // namespace hadal
