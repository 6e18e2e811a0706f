// From method and path to handler, with the answers for what no handler takes: unknown path (404),
// wrong method (405), a Host that is not ours (403). HEAD is answered as GET; the HTTP layer leaves
// the body out.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/http_types.h"

namespace hadal {

class Router {
 public:
  // `rest` is what follows the path of a prefix route, else empty.
  using Handler =
      std::function<void(const std::shared_ptr<Exchange>& exchange, std::string_view rest)>;

  // `hosts`: names accepted in a Host header, in lower case, without port; empty: any.
  explicit Router(std::vector<std::string> hosts = {}) : hosts_(std::move(hosts)) {}

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
  std::vector<std::string> hosts_;
};

// The path that a request means: without doubled slashes, a slash at its end and a repeated "/v1".
// Clients put base addresses and paths together in all these ways.
std::string canonical_path(std::string_view path);

// The host of a Host header in lower case, without port and without the brackets of IPv6.
std::string host_name(std::string_view header);

}  // namespace hadal
