#include "checkpoint/v4/config_fields.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace hadal {
namespace {

using Json = nlohmann::json;

constexpr char kRemedy[] = "use the config.json that came with the weights";
constexpr size_t kMaxEntries = 4096;  // of a list

}  // namespace

std::string value_text(const Json& value) {
  return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 60);
}

bool ConfigFields::has(const std::string& name) const {
  const auto found = json_.find(name);
  return found != json_.end() && !found->is_null();
}

const Json& ConfigFields::at(const std::string& name) const {
  if (!has(name)) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where_,
                 .what = "has no " + prefix_ + name,
                 .remedy = kRemedy});
  }
  return json_[name];
}

int ConfigFields::first_integer(const std::string& name) const {
  const Json& value = at(name);
  if (value.is_array() && !value.empty()) return to_integer(name, value.front());
  return to_integer(name, value);
}

float ConfigFields::number(const std::string& name) const {
  const Json& value = at(name);
  if (!value.is_number()) refuse(name, value, "must be a number");
  const auto result = static_cast<float>(value.get<double>());
  if (!std::isfinite(result)) refuse(name, value, "must be a finite number");
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
  if (has(name) && json_[name] != expected) {
    refuse(name, json_[name], "must be " + value_text(expected) + " (hadal serves nothing else)");
  }
}

void ConfigFields::refuse(const std::string& name, const Json& value,
                          const std::string& rule) const {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = where_,
               .what = prefix_ + printable(name, 80) + " is " + value_text(value) + ", but " + rule,
               .remedy = kRemedy});
}

void ConfigFields::contradict(const std::string& first, const std::string& second) const {
  throw Error(
      {.code = ErrorCode::kInvalidFile,
       .where = where_,
       .what = printable(first, 200) + " and " + printable(second, 200) + " contradict each other",
       .remedy = kRemedy});
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
