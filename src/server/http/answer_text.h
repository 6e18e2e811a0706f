// The bytes of an answer besides its body: status line, headers and the framing of chunks.
#pragma once

#include <string>
#include <string_view>

#include "server/http/http_types.h"

namespace hadal {

// Up to and with the empty line. `framing`: the header lines that tell where the body ends.
std::string head_text(const HttpResponse& response, std::string_view framing, bool keep_open);

std::string length_framing(const HttpResponse& response);

// `part`, not empty, as one chunk.
std::string chunk_text(std::string_view part);

}  // namespace hadal
