// The addresses of the dashboard for programs: an OpenAPI 3.1 document.
#pragma once

#include <string>
#include <string_view>

namespace hadal {

std::string openapi_json(std::string_view version);

}  // namespace hadal
