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

std::optional<ToolParameters> declared_parameters(const ordered_json& function) {
  const ordered_json* parameters = member(function, "parameters");
  const ordered_json* properties =
      parameters == nullptr ? nullptr : member(*parameters, "properties");
  if (properties == nullptr || !properties->is_object()) return std::nullopt;
  ToolParameters declared;
  for (const auto& [key, property] : properties->items()) declared[key] = types_of(property);
  return declared;
}

void ToolSchemas::add(const ordered_json& function) {
  const ordered_json* name = member(function, "name");
  std::optional<ToolParameters> parameters = declared_parameters(function);
  if (name == nullptr || !name->is_string() || !parameters) return;
  add(name->get<std::string>(), std::move(*parameters));
}

void ToolSchemas::add(std::string name, ToolParameters parameters) {
  tools_[std::move(name)] = std::move(parameters);
}

const ToolParameters* ToolSchemas::find(std::string_view tool) const {
  const auto found = tools_.find(tool);
  return found == tools_.end() ? nullptr : &found->second;
}

}  // namespace hadal
