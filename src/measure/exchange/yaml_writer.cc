#include "measure/exchange/yaml_writer.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

std::string scalar(const ordered_json& value) {
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (std::isnan(number)) return ".nan";
    if (std::isinf(number)) return number > 0 ? ".inf" : "-.inf";
  }
  if (value.is_array() && value.empty()) return "[]";
  if (value.is_object() && value.empty()) return "{}";
  return dump_json(value);
}

bool is_block(const ordered_json& value) { return value.is_structured() && !value.empty(); }

void append(const ordered_json& value, size_t indent, std::string& out) {
  const auto member = [&](const std::string& lead, const ordered_json& item) {
    out.append(indent, ' ') += lead;
    if (is_block(item)) {
      out += '\n';
      append(item, indent + 2, out);
    } else {
      out += ' ' + scalar(item) + '\n';
    }
  };
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) member(json_string(key) + ":", item);
  } else {
    for (const ordered_json& item : value) member("-", item);
  }
}

}  // namespace

std::string dump_yaml(const ordered_json& value) {
  if (!is_block(value)) return scalar(value) + "\n";
  std::string out;
  append(value, 0, out);
  return out;
}

}  // namespace hadal
