// Headers that every answer to a request carries, whoever gives it: the handler, or the transport
// where the handler fails or the server ends.
#pragma once

#include <memory>

#include "server/http/http_types.h"

namespace hadal {

// The exchange with `headers` in every answer.
std::shared_ptr<Exchange> with_answer_headers(std::shared_ptr<Exchange> exchange,
                                              HttpHeaders headers);

}  // namespace hadal
