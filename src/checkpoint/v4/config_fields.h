// The fields of a model's config.json: json/fields.h with what a config needs besides, fields that
// must be there, numbers as the engine takes them, settings of one value, and fields that
// contradict each other. Says nothing of which fields there are.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "json/fields.h"

namespace hadal {

// How errors speak of the config in the file `where`.
FieldsSource config_source(const std::string& where);

class ConfigFields : public Fields {
 public:
  using Fields::Fields;

  // An integer below 2^31; 1e6 and 4.0 count as integers.
  int integer(const std::string& name) const { return to_integer(name, at(name)); }
  int integer_or(const std::string& name, int absent) const {
    return has(name) ? integer(name) : absent;
  }
  // The first of a list of integers, or the integer itself.
  int first_integer(const std::string& name) const;
  float number(const std::string& name) const;
  std::vector<int> integers(const std::string& name) const;
  std::vector<std::string> strings(const std::string& name) const;

  // Refuses any value but `expected`; an absent field passes.
  void only(const std::string& name, const nlohmann::ordered_json& expected) const;

  // `rule`: what the value must be, or why it cannot be.
  [[noreturn]] void refuse(const std::string& name, const nlohmann::ordered_json& value,
                           const std::string& rule) const;
  // Two fields that say different things.
  [[noreturn]] void contradict(const std::string& first, const std::string& second) const;

 private:
  int to_integer(const std::string& name, const nlohmann::ordered_json& value) const;
};

}  // namespace hadal
