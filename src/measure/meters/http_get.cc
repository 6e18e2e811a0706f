#include "measure/meters/http_get.h"

#include <fmt/format.h>
#include <utility>

#include "base/error.h"
#include "measure/client/http_fetch.h"

namespace hadal {
namespace {

constexpr size_t kMostBytes = size_t{16} << 20;

[[noreturn]] void fail(const std::string& url, ErrorCode code, const std::string& what) {
  throw Error({.code = code,
               .where = url_to_show(url),
               .what = what,
               .remedy = "look at the page with curl; DCGM's exporter shows its at "
                         "http://HOST:9400/metrics"});
}

std::string get(const std::string& url, double seconds) {
  HttpAnswer answer =
      fetch({.connect_timeout = seconds}, {.url = url, .timeout = seconds}, kMostBytes);
  const HttpEnd& end = answer.end;
  if (end.failure == "timeout") {
    fail(url, ErrorCode::kDeadlineExceeded, fmt::format("has not answered in {} s", seconds));
  }
  if (end.failure == "too_long") {
    fail(url, ErrorCode::kResourceExhausted, "the page is longer than 16 MiB");
  }
  if (!end.failure.empty()) {
    fail(url, ErrorCode::kUnavailable, end.text.empty() ? end.failure : end.text);
  }
  if (end.status != 200) {
    fail(url, ErrorCode::kUnavailable, fmt::format("answers with {}", end.status));
  }
  return std::move(answer.body);
}

}  // namespace

HttpGet http_get(double seconds) {
  return [seconds](const std::string& url) { return get(url, seconds); };
}

std::string url_to_show(const std::string& url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) return printable(url);
  const size_t begin = scheme + 3;
  const size_t end = url.find_first_of("/?#", begin);
  const size_t at = url.rfind('@', end);
  if (at == std::string::npos || at < begin) return printable(url);
  return printable(url.substr(0, begin) + url.substr(at + 1));
}

}  // namespace hadal
