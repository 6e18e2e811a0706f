// The name of a request: the client's X-Request-Id when it is a sane one, otherwise one made here.
// It goes back in the header X-Request-Id of the answer and into the log, so that both sides can
// speak of the same request.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/http/http_types.h"

namespace hadal {

// `sent` where it may stand in a header and in a line of the log: 1 to 128 letters, digits and
// characters of "-_.:/+=@"; else a new random name.
std::string request_id(std::string_view sent);

// The exchange with the name of its request in every answer and in the log.
std::shared_ptr<Exchange> with_request_id(std::shared_ptr<Exchange> exchange);

// The answer to a request that no exchange was made of, with the request's name.
HttpResponse with_request_id(HttpResponse response, const HttpRequest& request);

}  // namespace hadal
