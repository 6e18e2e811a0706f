// The lines of a golden file, each parsed as JSON.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "json/python_json.h"
#include "support/source_dir.h"

namespace hadal {

inline std::vector<nlohmann::ordered_json> read_golden_lines(const std::string& name) {
  const std::string file =
      read_text_file(test::source_path("tests/golden/data") / name, size_t{1} << 24);
  std::vector<nlohmann::ordered_json> lines;
  for (size_t begin = 0; begin < file.size();) {
    const size_t end = std::min(file.find('\n', begin), file.size());
    lines.push_back(parse_json(std::string_view(file).substr(begin, end - begin), name));
    begin = end + 1;
  }
  return lines;
}

}  // namespace hadal
