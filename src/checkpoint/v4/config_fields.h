// Reading the fields of an untrusted config with errors that name the field, its value and what it
// must be. Says nothing of which fields there are.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace hadal {

// A value as it stands in the file, short enough for a message.
std::string value_text(const nlohmann::json& value);

class ConfigFields {
 public:
  // `json` is an object; `prefix` (such as "quantization_config.") goes before names in errors, and
  // `where` names the file. Both `json` and `where` must outlive this.
  ConfigFields(const nlohmann::json& json, std::string prefix, const std::string& where)
      : json_(json), prefix_(std::move(prefix)), where_(where) {}

  const nlohmann::json& json() const { return json_; }
  const std::string& prefix() const { return prefix_; }
  const std::string& where() const { return where_; }

  // Whether the field is there and not null.
  bool has(const std::string& name) const;
  // The field's value. Throws Error when there is none.
  const nlohmann::json& at(const std::string& name) const;

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
  void only(const std::string& name, const nlohmann::json& expected) const;

  [[noreturn]] void refuse(const std::string& name, const nlohmann::json& value,
                           const std::string& rule) const;
  // Two fields that say different things.
  [[noreturn]] void contradict(const std::string& first, const std::string& second) const;

 private:
  int to_integer(const std::string& name, const nlohmann::json& value) const;

  const nlohmann::json& json_;
  std::string prefix_;
  const std::string& where_;
};

}  // namespace hadal
