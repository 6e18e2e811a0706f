#include "json/toml_document.h"

#include <cmath>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>
#include <toml++/toml.h>

#include "base/error.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

[[noreturn]] void refuse(const std::string& where, const toml::source_position& position,
                         std::string_view what) {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = where,
               .what = "line " + std::to_string(position.line) + ", column " +
                       std::to_string(position.column) + ": " + printable(what),
               .remedy = "correct it, see https://toml.io"});
}

// Nesting is bounded by toml++ (256).
ordered_json to_json(const toml::node& node, const std::string& where) {
  if (const auto* table = node.as_table()) {
    ordered_json out = ordered_json::object();
    for (const auto& [key, value] : *table) out[std::string(key.str())] = to_json(value, where);
    return out;
  }
  if (const auto* array = node.as_array()) {
    ordered_json out = ordered_json::array();
    for (const toml::node& value : *array) out.push_back(to_json(value, where));
    return out;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return integer->get();
  if (const auto* boolean = node.as_boolean()) return boolean->get();
  if (const auto* number = node.as_floating_point()) {
    if (!std::isfinite(number->get()))
      refuse(where, node.source().begin, "a number must be finite");
    return number->get();
  }
  std::ostringstream text;
  node.visit([&](const auto& value) {
    if constexpr (toml::is_chronological<decltype(value)>) text << value.get();
  });
  return text.str();
}

}  // namespace

ordered_json parse_toml(std::string_view text, const std::string& where) {
  try {
    return to_json(toml::parse(text), where);
  } catch (const toml::parse_error& error) {
    refuse(where, error.source().begin, error.description());
  }
}

ordered_json parse_settings(std::string_view text, const std::string& where) {
  return where.ends_with(".toml") ? parse_toml(text, where) : parse_json_file_text(text, where);
}

}  // namespace hadal
