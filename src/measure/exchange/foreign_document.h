// Documents that other tools wrote, JSON or YAML, read into one form. JSON: numbers that no double
// holds are infinite, and of names given twice in an object the first value stands and the others
// are reported, because tools do write both and parsers that silently take the last have published
// wrong figures. YAML: what tools write of it, without anchors and aliases. Knows no format.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"

namespace hadal {

struct RepeatedName {
  std::string path = {};        // of the object; empty: the document itself
  std::string name = {};        // as written in it
  std::string value_json = {};  // that was not taken
};

// Larger documents are refused: trees take several times their text. Files of lines have no limit
// but that of a line.
constexpr size_t kMaxForeignJsonBytes = size_t{256} << 20;
constexpr size_t kMaxForeignYamlBytes = size_t{16} << 20;

// Errors are kInvalidFile and begin with `where`. Of repeated names at most 100 are told.
nlohmann::ordered_json read_foreign_json(std::string_view text, const std::string& where,
                                         std::vector<RepeatedName>& repeated);

// Plain scalars become null, booleans and numbers by the core schema (".inf" included); all others
// are strings. All documents of the text, in their order. Refuses aliases, nesting deeper than 200
// and names given twice.
std::vector<nlohmann::ordered_json> read_foreign_yaml(std::string_view text,
                                                      const std::string& where);

}  // namespace hadal
