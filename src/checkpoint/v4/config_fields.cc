#include "checkpoint/v4/config_fields.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace hadal {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxEntries = 4096;  // of a list

}  // namespace

FieldsSource config_source(const std::string& where) {
  return {.code = ErrorCode::kInvalidFile,
          .file = where,
          .remedy = "use the config.json that came with the weights",
          .tells_values = true};
}

int ConfigFields::first_integer(const std::string& name) const {
  const Json& value = at(name);
  if (value.is_array() && !value.empty()) return to_integer(name, value.front());
  return to_integer(name, value);
}

float ConfigFields::number(const std::string& name) const {
  at(name);
  const auto result = static_cast<float>(*Fields::number(name));
  if (!std::isfinite(result)) refuse(name, at(name), "must be a finite number");
  return result;
}

std::vector<int> ConfigFields::integers(const std::string& name) const {
  const Json& value = at(name);
  if (!value.is_array() || value.size() > kMaxEntries) {
    refuse(name, value, "must be a list of integers");
  }
  std::vector<int> out;
  for (const Json& entry : value) out.push_back(to_integer(name, entry));
  return out;
}

std::vector<std::string> ConfigFields::strings(const std::string& name) const {
  const Json& value = at(name);
  if (!value.is_array() || value.size() > kMaxEntries) {
    refuse(name, value, "must be a list of names");
  }
  std::vector<std::string> out;
  for (const Json& entry : value) {
    if (!entry.is_string()) refuse(name, value, "must be a list of names");
    out.push_back(entry.get<std::string>());
  }
  return out;
}

void ConfigFields::only(const std::string& name, const Json& expected) const {
  const Json* value = find(name);
  if (value != nullptr && *value != expected) {
    refuse(name, *value, "must be " + value_text(expected) + " (hadal serves nothing else)");
  }
}

void ConfigFields::refuse(const std::string& name, const Json& value,
                          const std::string& rule) const {
  refuse_type(path(printable(name, 80)), value, rule, source());
}

void ConfigFields::contradict(const std::string& first, const std::string& second) const {
  refuse_field("",
               printable(first, 200) + " and " + printable(second, 200) + " contradict each other",
               FieldFault::kValue, source());
}

int ConfigFields::to_integer(const std::string& name, const Json& value) const {
  if (!value.is_number()) refuse(name, value, "must be an integer");
  const auto number = value.get<double>();
  if (!(std::abs(number) <= std::numeric_limits<int>::max()) || number != std::floor(number)) {
    refuse(name, value, "must be an integer below 2^31");
  }
  return static_cast<int>(number);
}

}  // namespace hadal
