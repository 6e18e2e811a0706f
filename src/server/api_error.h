// Errors in the form of the OpenAI API: {"error": {"message", "type", "param", "code"}} with the
// HTTP status that fits.
#pragma once

#include <string>

#include "base/error.h"
#include "server/http/http_error.h"
#include "server/http/http_types.h"

namespace hadal {

using ApiError = HttpError;          // `param`: the request's field; empty: null
using ApiException = HttpException;  // for what hadal::Error cannot carry (field and code)

// The body alone: one line of JSON.
std::string api_error_body(const ApiError& error);
HttpResponse api_error_response(const ApiError& error);

// The API's view of an engine or text error; a FieldError names its field as param.
ApiError api_error_of(const Error& error);

}  // namespace hadal
