#include "chat/tool_schemas.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace hadal {
namespace {

using nlohmann::ordered_json;

const ordered_json* member(const ordered_json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

void add_type(const ordered_json& type, ToolParameterTypes& types) {
  const std::string name = type.is_string() ? type.get<std::string>() : "";
  if (name == "string") {
    types.is_string = true;
  } else if (name == "boolean") {
    types.is_boolean = true;
  } else if (name == "null") {
    types.is_null = true;
  } else {
    types.has_others = true;
  }
}

ToolParameterTypes types_of(const ordered_json& property) {
  ToolParameterTypes types;
  const ordered_json* type = member(property, "type");
  if (type == nullptr) {
    types.has_others = true;
  } else if (type->is_array()) {
    for (const ordered_json& one : *type) add_type(one, types);
  } else {
    add_type(*type, types);
  }
  const ordered_json* nullable = member(property, "nullable");
  if (nullable != nullptr && *nullable == true) types.is_null = true;
  return types;
}

}  // namespace

void ToolSchemas::add(const ordered_json& function) {
  const ordered_json* name = member(function, "name");
  const ordered_json* parameters = member(function, "parameters");
  const ordered_json* properties =
      parameters == nullptr ? nullptr : member(*parameters, "properties");
  if (name == nullptr || !name->is_string() || properties == nullptr) return;
  if (!properties->is_object()) return;
  ToolParameters declared;
  for (const auto& [key, property] : properties->items()) declared[key] = types_of(property);
  tools_[name->get<std::string>()] = std::move(declared);
}

const ToolParameters* ToolSchemas::find(std::string_view tool) const {
  const auto found = tools_.find(tool);
  return found == tools_.end() ? nullptr : &found->second;
}

}  // namespace hadal
