// Which web pages may send requests from a browser. A page of elsewhere can make the browser of
// this machine's user POST to a server that only listens on loopback, without a Host that gives it
// away; its Origin does. Pages that the user allows are answered as CORS asks.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/host_guard.h"
#include "server/http/http_types.h"

namespace hadal {

class OriginGuard {
 public:
  // `origins`: SCHEME://HOST[:PORT], the word null (pages without an origin, such as files), or *
  // for any. `hosts`: names as HostGuard takes them, whose pages may ask as well. Throws Error
  // kInvalidArgument for what is no origin or host.
  OriginGuard(const std::vector<std::string>& origins, const std::vector<std::string>& hosts);

  // Whether a page of `origin` may ask the server that it calls `host`: a page of that host itself
  // (on any port), of this machine, of an allowed host, or of an allowed origin. An empty origin is
  // no page's.
  bool accepts(std::string_view origin, std::string_view host) const;

  // Why an origin is refused and what to do.
  static std::string refusal(std::string_view origin);

  // The value of Access-Control-Allow-Origin for a page of `origin`; empty: none.
  std::string allowed_origin(std::string_view origin) const;

 private:
  bool any_ = false;
  std::vector<std::string> origins_;  // in one spelling
  HostGuard hosts_;
};

// The answer to a browser that asks what a page of an allowed origin may send (a preflight);
// nullopt: the request is none.
std::optional<HttpResponse> preflight_answer(const OriginGuard& guard, const HttpRequest& request);

// The headers that let a page of an allowed origin read the answer.
HttpHeaders cors_headers(const OriginGuard& guard, const HttpRequest& request);

}  // namespace hadal
