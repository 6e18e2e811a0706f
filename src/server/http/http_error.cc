#include "server/http/http_error.h"

#include "base/error.h"

namespace hadal {

HttpHeaders error_headers(int status) {
  if (status == 429 || status == 503) return {{"Retry-After", "5"}};
  // OpenAI's clients ask again after every 5xx: after a time that the caller set itself this would
  // compute the same for nothing, and as often as they try.
  if (status == 504) return {{"X-Should-Retry", "false"}};
  if (status == 415) return {{"Accept-Encoding", "identity"}};
  return {};
}

HttpResponse plain_error_response(const HttpError& error) {
  return {.status = error.status,
          .content_type = "text/plain; charset=utf-8",
          .headers = error_headers(error.status),
          .body = printable(error.message, 4000) + "\n",
          .error = error.message};
}

}  // namespace hadal
