// Where the sources lie that tests read: models, golden answers, documents.
#pragma once

#include <filesystem>
#include <string_view>

namespace hadal::test {

// The root of the repository that the test was built from.
std::filesystem::path source_dir();

// A file or folder below it: source_path("models/nano").
inline std::filesystem::path source_path(std::string_view below) { return source_dir() / below; }

}  // namespace hadal::test
