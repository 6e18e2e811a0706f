// One HTTP request and its whole answer, on the calling thread: for what is asked before and after
// a load.
#pragma once

#include <cstddef>
#include <string>

#include "measure/client/http_loop.h"

namespace hadal {

// A body beyond `most_bytes` ends it with
// failure "too_long".
struct HttpAnswer {
  HttpEnd end = {};
  std::string body = {};
};
HttpAnswer fetch(const HttpLoopOptions& options, OutgoingRequest request,
                 size_t most_bytes = size_t{16} << 20);

}  // namespace hadal
