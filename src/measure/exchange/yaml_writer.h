// Writes a JSON tree as block YAML 1.2. Strings stand in double quotes as JSON has them, so that no
// reader takes one for a number; infinite numbers are .inf.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace hadal {

std::string dump_yaml(const nlohmann::ordered_json& value);

}  // namespace hadal
