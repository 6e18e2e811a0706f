// Errors of requests as exceptions, and as answers where no API has words of its own for them.
#pragma once

#include <exception>
#include <utility>

#include "server/http/http_types.h"

namespace hadal {

class HttpException : public std::exception {
 public:
  explicit HttpException(HttpError error) : error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const HttpError& error() const { return error_; }

 private:
  HttpError error_;
};

// The headers that HTTP's own clients go by, whatever the body looks like: when to ask again, and
// how.
HttpHeaders error_headers(int status);

// The message as a line of plain text.
HttpResponse plain_error_response(const HttpError& error);

}  // namespace hadal
