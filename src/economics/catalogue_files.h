// The project's own catalogues and its collection of published measurements (data/), as they lie in
// the program.
#pragma once

#include <string_view>

namespace hadal {

// For the life of the program.
std::string_view built_in_hardware();
std::string_view built_in_prices();
std::string_view built_in_published_points();

}  // namespace hadal
