// The config.json files of released models that tests read and change.
#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "support/source_dir.h"

namespace hadal::test {

inline std::filesystem::path golden_data() { return source_path("tests/golden/data"); }

inline nlohmann::json flash_config() {
  return nlohmann::json::parse(read_text_file(golden_data() / "config/flash/config.json", 1 << 20));
}

}  // namespace hadal::test
