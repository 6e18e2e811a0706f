// What a request says of its tools' parameters, as far as the reading of tool calls needs it: which
// names are declared and which JSON types they may have. It does not validate calls.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace hadal {

struct ToolParameterTypes {
  bool is_string = false;   // "string" is among the declared types
  bool is_boolean = false;  // "boolean" is
  bool is_null = false;     // "null" is, or the schema says nullable
  bool has_others = false;  // any other type is, or none is declared
};

using ToolParameters = std::map<std::string, ToolParameterTypes, std::less<>>;

// Of a function {"name", "parameters": {"properties": {...}}}; nothing where it is not of that
// form.
std::optional<ToolParameters> declared_parameters(const nlohmann::ordered_json& function);

class ToolSchemas {
 public:
  // `function` is {"name", "parameters": {"properties": {...}}}; what is not of that form is
  // ignored.
  void add(const nlohmann::ordered_json& function);
  void add(std::string name, ToolParameters parameters);

  // nullptr for a tool that is not declared, or declares no properties.
  const ToolParameters* find(std::string_view tool) const;

 private:
  std::map<std::string, ToolParameters, std::less<>> tools_;
};

}  // namespace hadal
