#include "economics/catalogue_files.h"

#include "base/embedded_file.h"

namespace hadal {

// Of the sources that CMake makes from data/.
std::vector<EmbeddedFile> embedded_hardware();
std::vector<EmbeddedFile> embedded_prices();
std::vector<EmbeddedFile> embedded_published();

std::string_view built_in_hardware() { return embedded_hardware().front().text(); }
std::string_view built_in_prices() { return embedded_prices().front().text(); }
std::string_view built_in_published_points() { return embedded_published().front().text(); }

}  // namespace hadal
