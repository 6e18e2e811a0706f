// From method and path to handler, with the answers for what no handler takes: unknown path (404),
// wrong method (405), a Host that is not ours (403). HEAD is answered as GET; the HTTP layer leaves
// the body out. OPTIONS * is answered with the methods of all routes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/host_guard.h"
#include "server/http/http_types.h"

namespace hadal {

class Router {
 public:
  // `rest` is what follows the path of a prefix route, else empty.
  using Handler =
      std::function<void(const std::shared_ptr<Exchange>& exchange, std::string_view rest)>;

  // Without one every host is answered to. Before the first dispatch.
  void set_guard(HostGuard guard) { guard_ = std::move(guard); }

  // A `path` that ends in '/' takes everything below it. One that begins with "/v1/" is found
  // without that as well.
  void add(std::string method, std::string path, Handler handler);

  // Answers or hands over the exchange. Errors a handler throws become answers.
  void dispatch(const std::shared_ptr<Exchange>& exchange) const;

 private:
  // Whether a route of any method takes `path`.
  bool has(std::string_view path) const;

  struct Route {
    std::string method;
    std::string path;
    Handler handler;
  };

  std::vector<Route> routes_;
  HostGuard guard_;
};

// The path that a request means: without doubled slashes, a slash at its end and a repeated "/v1".
// Clients put base addresses and paths together in all these ways.
std::string canonical_path(std::string_view path);

}  // namespace hadal
