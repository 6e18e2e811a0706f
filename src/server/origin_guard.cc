#include "server/origin_guard.h"

#include <algorithm>

#include "base/error.h"
#include "server/http/uri_host.h"

namespace hadal {
namespace {

constexpr char kNull[] = "null";

struct Origin {
  std::string text;  // in lower case, without the scheme's own port
  UriHost host;
};

std::optional<Origin> parse_origin(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const size_t mark = lower.find("://");
  if (mark == std::string::npos || mark == 0) return std::nullopt;
  const std::string scheme = lower.substr(0, mark);
  if (!std::all_of(scheme.begin(), scheme.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
      })) {
    return std::nullopt;
  }
  const std::string authority = lower.substr(mark + 3);
  const std::optional<UriHost> host = parse_uri_host(authority);
  if (!host.has_value() || host->name.empty()) return std::nullopt;
  const bool has_own_port = (scheme == "http" && authority.ends_with(":80")) ||
                            (scheme == "https" && authority.ends_with(":443"));
  if (has_own_port) lower.erase(lower.rfind(':'));
  return Origin{.text = std::move(lower), .host = *host};
}

}  // namespace

OriginGuard::OriginGuard(const std::vector<std::string>& origins,
                         const std::vector<std::string>& hosts)
    : hosts_(hosts) {
  for (std::string origin : origins) {
    if (origin == "*") {
      any_ = true;
      continue;
    }
    if (origin == kNull) {
      origins_.emplace_back(kNull);
      continue;
    }
    if (origin.ends_with('/') && !origin.ends_with("://")) origin.pop_back();
    std::optional<Origin> parsed = parse_origin(origin);
    // A star is no part of an origin, and means nothing within one.
    if (!parsed.has_value() || origin.find('*') != std::string::npos) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "--allowed-origin " + printable(origin, 100),
                   .what = "is no origin of a web page",
                   .remedy = "give scheme, host and port alone, as in https://chat.example.org or "
                             "http://localhost:3000"});
    }
    origins_.push_back(std::move(parsed->text));
  }
}

bool OriginGuard::accepts(std::string_view origin, std::string_view host) const {
  if (origin.empty() || !allowed_origin(origin).empty()) return true;
  const std::optional<Origin> page = parse_origin(origin);
  if (!page.has_value()) return false;
  const std::string& name = page->host.name;
  // Of addresses those of this machine alone: others may be anyone's.
  if (name == "localhost" || name.ends_with(".localhost") || is_loopback_address(name)) return true;
  const std::optional<UriHost> own = parse_uri_host(host);
  return (own.has_value() && own->name == name) || hosts_.lists(name);
}

std::string OriginGuard::refusal(std::string_view origin) {
  std::string message = "web pages of \"" + printable(origin, 100) + "\" may not ask this server";
  if (origin == kNull || parse_origin(origin).has_value()) {
    message += "; if it is a front end of yours, start hadal serve with --allowed-origin " +
               printable(origin, 300);
  }
  return message;
}

std::string OriginGuard::allowed_origin(std::string_view origin) const {
  if (origin.empty()) return "";
  if (any_) return "*";
  const std::optional<Origin> page = parse_origin(origin);
  const std::string text = page.has_value() ? page->text : std::string(origin);
  const bool listed = std::find(origins_.begin(), origins_.end(), text) != origins_.end();
  return listed ? std::string(origin) : "";
}

std::optional<HttpResponse> preflight_answer(const OriginGuard& guard, const HttpRequest& request) {
  if (request.method != "OPTIONS" || request.header("Access-Control-Request-Method").empty() ||
      guard.allowed_origin(request.header("Origin")).empty()) {
    return std::nullopt;
  }
  HttpResponse answer{.content_type = "text/plain; charset=utf-8"};
  answer.headers = {{"Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"},
                    {"Access-Control-Max-Age", "600"}};
  const std::string_view wanted = request.header("Access-Control-Request-Headers");
  if (!wanted.empty()) answer.headers.emplace_back("Access-Control-Allow-Headers", wanted);
  return answer;
}

HttpHeaders cors_headers(const OriginGuard& guard, const HttpRequest& request) {
  const std::string allowed = guard.allowed_origin(request.header("Origin"));
  if (allowed.empty()) return {};
  return {{"Access-Control-Allow-Origin", allowed},
          {"Access-Control-Expose-Headers", "X-Request-Id, Retry-After, X-Should-Retry"},
          {"Vary", "Origin"}};
}

}  // namespace hadal
