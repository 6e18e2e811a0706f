#include "measure/meters/http_get.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <memory>
#include <mutex>

#include "base/error.h"

namespace hadal {
namespace {

constexpr size_t kMostBytes = size_t{16} << 20;

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

size_t append_body(char* data, size_t size, size_t count, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + size * count > kMostBytes) return CURL_WRITEFUNC_ERROR;
  text.append(data, size * count);
  return size * count;
}

[[noreturn]] void fail(const std::string& url, ErrorCode code, const std::string& what) {
  throw Error({.code = code,
               .where = url_to_show(url),
               .what = what,
               .remedy = "look at the page with curl; DCGM's exporter shows its at "
                         "http://HOST:9400/metrics"});
}

std::string get(CURL* handle, const std::string& url, double seconds) {
  std::string body;
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(seconds * 1000));
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, append_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &body);
  const CURLcode result = curl_easy_perform(handle);
  if (result == CURLE_OPERATION_TIMEDOUT) {
    fail(url, ErrorCode::kDeadlineExceeded, fmt::format("has not answered in {} s", seconds));
  }
  if (result == CURLE_WRITE_ERROR) {
    fail(url, ErrorCode::kResourceExhausted, "the page is longer than 16 MiB");
  }
  if (result != CURLE_OK) fail(url, ErrorCode::kUnavailable, curl_easy_strerror(result));
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) fail(url, ErrorCode::kUnavailable, fmt::format("answers with {}", status));
  return body;
}

}  // namespace

HttpGet curl_http_get(double seconds) {
  static std::once_flag started;
  std::call_once(started, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::shared_ptr<CURL> handle(curl_easy_init(), CurlDeleter());
  return [handle, seconds](const std::string& url) {
    if (handle == nullptr) fail(url, ErrorCode::kResourceExhausted, "libcurl cannot be started");
    return get(handle.get(), url, seconds);
  };
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
