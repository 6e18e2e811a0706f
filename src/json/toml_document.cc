#include "json/toml_document.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

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

constexpr size_t kDeepest = 64;
constexpr std::string_view kTooDeep = "tables and arrays are nested too deep, at most 64 levels";

// Where the string ends that begins at `at`: after its last quote; of one that is never closed, at
// the end of its line or of the text.
size_t end_of_string(std::string_view text, size_t at) {
  const char quote = text[at];
  const std::string three(3, quote);
  const bool is_long = text.substr(at, three.size()) == three;
  for (at += is_long ? three.size() : 1; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (!is_long && text[at] == '\n') {
      return at;
    } else if (!is_long && text[at] == quote) {
      return at + 1;
    } else if (is_long && text.substr(at, three.size()) == three) {
      // Up to two quotes more belong to the string.
      at += three.size();
      for (int more = 0; more < 2 && at < text.size() && text[at] == quote; ++more) ++at;
      return at;
    }
  }
  return text.size();
}

// toml++ counts brackets within brackets, but not the parts of dotted keys and of table headers,
// and takes stack for each: this looks at both before it may. Every dot outside of strings and
// comments counts, also those of numbers.
void refuse_deep_nesting(std::string_view text, const std::string& where) {
  std::vector<size_t> dots = {0};  // of the key that is being read, by open brackets
  size_t depth = 0;                // brackets and dots
  toml::source_index line = 1;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size()) - 1;
    } else if (c == '"' || c == '\'') {
      const size_t end = end_of_string(text, at);
      line += static_cast<toml::source_index>(std::ranges::count(text.substr(at, end - at), '\n'));
      at = end - 1;
    } else if (c == '[' || c == '{') {
      dots.push_back(0);
      ++depth;
    } else if ((c == ']' || c == '}') && dots.size() > 1) {
      depth -= dots.back() + 1;
      dots.pop_back();
    } else if (c == '.') {
      ++dots.back();
      ++depth;
    } else if (c == ',' || (c == '\n' && dots.size() == 1)) {
      depth -= dots.back();
      dots.back() = 0;
    }
    if (depth > kDeepest) refuse(where, {.line = line, .column = 1}, kTooDeep);
    if (c == '\n') ++line;
  }
}

ordered_json to_json(const toml::node& node, const std::string& where, size_t depth = 0) {
  if (depth > kDeepest) refuse(where, node.source().begin, kTooDeep);
  if (const auto* table = node.as_table()) {
    ordered_json out = ordered_json::object();
    for (const auto& [key, value] : *table) {
      out[std::string(key.str())] = to_json(value, where, depth + 1);
    }
    return out;
  }
  if (const auto* array = node.as_array()) {
    ordered_json out = ordered_json::array();
    for (const toml::node& value : *array) out.push_back(to_json(value, where, depth + 1));
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
  refuse_deep_nesting(text, where);
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
