#include "server/api_error.h"

#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "json/fields.h"

namespace hadal {
namespace {

const char* error_type(int status) {
  switch (status) {
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    case 504:
      return "timeout_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

const char* fault_code(FieldFault fault) {
  switch (fault) {
    case FieldFault::kValue:
      return "invalid_value";
    case FieldFault::kType:
      return "invalid_type";
    case FieldFault::kMissing:
      return "missing_required_parameter";
    case FieldFault::kUnknown:
      return "unknown_parameter";
    case FieldFault::kUnsupported:
      return "unsupported_value";
  }
  return "invalid_value";
}

}  // namespace

std::string api_error_body(const ApiError& error) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(printable(text, 1000));
  };
  nlohmann::ordered_json body;
  body["error"]["message"] = printable(error.message, 4000);
  body["error"]["type"] = error_type(error.status);
  body["error"]["param"] = or_null(error.param);
  body["error"]["code"] = or_null(error.code);
  return body.dump() + "\n";
}

HttpResponse api_error_response(const ApiError& error) {
  return {.status = error.status,
          .headers = error_headers(error.status),
          .body = api_error_body(error),
          .error = error.message};
}

ApiError api_error_of(const Error& error) {
  ApiError api{.message = error.what(), .code = std::string(error_code_name(error.code()))};
  if (const auto* field = dynamic_cast<const FieldError*>(&error)) {
    api.code = fault_code(field->fault());
  }
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      api.status = 400;
      api.param = error.parts().where;
      break;
    case ErrorCode::kNotFound:
      api.status = 404;
      break;
    case ErrorCode::kUnavailable:
    case ErrorCode::kCancelled:
      api.status = 503;
      break;
    case ErrorCode::kDeadlineExceeded:
      api.status = 504;
      api.code = "request_timeout";
      break;
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kInvalidFile:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kInternal:
      api.status = 500;
      break;
  }
  return api;
}

}  // namespace hadal
