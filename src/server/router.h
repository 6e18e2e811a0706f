// From method and path to handler, with the answers for what no handler takes: unknown path (404),
// wrong method (405), and what a guard refuses. HEAD is answered as GET; the HTTP layer leaves the
// body out. OPTIONS * is answered with the methods of all routes. Speaks no API of its own: errors
// are written by the route that was asked, or by the router's writer where there is none.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/http_types.h"

namespace hadal {

struct Route {
  // `rest` is what follows the path of a prefix route, else empty.
  using Handler =
      std::function<void(const std::shared_ptr<Exchange>& exchange, std::string_view rest)>;

  std::string method;
  // One that ends in '/' takes everything below it. One that begins with "/v1/" is found without
  // that as well.
  std::string path;
  Handler handler;
  std::string keep_alive_text = {};  // of AnswerStyle
  ErrorWriter write_error = {};      // empty: the router's
};

class Router {
 public:
  // What stands before all routes: answers the request in place of its route, or lets it pass.
  using Guard = std::function<std::optional<HttpResponse>(const HttpRequest&,
                                                          const ErrorWriter& write_error)>;

  explicit Router(ErrorWriter write_error) : write_error_(std::move(write_error)) {}

  // Before the first dispatch. Guards are asked in the order they were added.
  void add_guard(Guard guard) { guards_.push_back(std::move(guard)); }
  void add(Route route) { routes_.push_back(std::move(route)); }

  // Answers or hands over the exchange. Errors a handler throws become answers.
  void dispatch(const std::shared_ptr<Exchange>& exchange) const;

  // The words for an error of a request of `path`, in the API that answers there.
  const ErrorWriter& error_writer(std::string_view path) const;

 private:
  // The first route of any method that takes `path`, which is canonical; nullptr: none.
  const Route* find(std::string_view path) const;
  // With the version put before it where only that is found.
  std::string known_path(std::string_view path) const;
  const ErrorWriter& writer_of(const Route* route) const;
  void handle(const Route& route, const std::shared_ptr<Exchange>& exchange,
              std::string_view rest) const;
  std::string list_routes() const;   // "GET /a, POST /b and GET /c", without prefix routes
  std::string list_methods() const;  // of all routes

  const ErrorWriter write_error_;
  std::vector<Guard> guards_;
  std::vector<Route> routes_;
};

// The path that a request means: without doubled slashes, a slash at its end and a repeated "/v1".
// Clients put base addresses and paths together in all these ways.
std::string canonical_path(std::string_view path);

}  // namespace hadal
