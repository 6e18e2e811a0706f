// Errors in the form of the OpenAI API: {"error": {"message", "type", "param", "code"}} with the
// HTTP status that fits.
#pragma once

#include <string>

#include "base/error.h"
#include "server/http/http_types.h"

namespace hadal {

struct ApiError {
  int status = 400;
  std::string message;
  std::string param = {};  // the request's field; empty: null
  std::string code = {};   // empty: null
};

// Thrown by request parsing for what hadal::Error cannot carry: a status or code of its own.
class ApiException : public std::exception {
 public:
  explicit ApiException(ApiError error) : error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const ApiError& error() const { return error_; }

 private:
  ApiError error_;
};

// The body alone: one line of JSON.
std::string api_error_body(const ApiError& error);
HttpResponse api_error_response(const ApiError& error);

// The API's view of an engine or text error; a FieldError names its field as param.
ApiError api_error_of(const Error& error);

}  // namespace hadal
