// An object of a request's JSON together with its name in error messages: typed reading of its
// fields, and refusals that name the field as the caller sent it ("messages[3].content[1]").
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace hadal {

// Throws ApiException (400) "field: what" with `field` as its param.
[[noreturn]] void refuse_field(const std::string& field, const std::string& what,
                               const std::string& code = "invalid_value");
[[noreturn]] void refuse_field_type(const std::string& field, const nlohmann::ordered_json& value,
                                    const std::string& expected);
// What this server cannot do: code unsupported_value.
[[noreturn]] void refuse_unsupported(const std::string& field, const std::string& what);

// "name[index]".
std::string element_path(const std::string& name, size_t index);

class RequestFields {
 public:
  // `path`: the name of the object; empty for the body itself. Both must outlive the fields.
  RequestFields(const nlohmann::ordered_json& object, std::string path);

  const nlohmann::ordered_json& json() const { return object_; }
  const std::string& path() const { return path_; }
  std::string path(std::string_view key) const;

  // nullptr when the field is absent, or null, which counts as absent everywhere: clients send
  // fields that way.
  const nlohmann::ordered_json* find(std::string_view key) const;

  std::optional<double> number(std::string_view key) const;
  // An integer of at most 64 bits; its two's complement when negative. A number such as 5.0 is one.
  std::optional<uint64_t> integer(std::string_view key) const;
  // `least` or more; larger values than an int holds become the largest int.
  std::optional<int> count(std::string_view key, int least) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> string(std::string_view key) const;

 private:
  const nlohmann::ordered_json& object_;
  std::string path_;
};

// Finds the fields of one request that this server does not know, so that none is dropped without a
// word: they are named to the operator, or refused.
class UnknownFields {
 public:
  // `strict`: an unknown field is refused.
  explicit UnknownFields(bool strict) : strict_(strict) {}

  bool strict() const { return strict_; }
  // Looks for fields of `object` that are neither in `known` nor null.
  void check(const RequestFields& object, std::span<const std::string_view> known);
  // For a field that has no effect although it asks for one.
  void add(const std::string& path);

  // Their names, for example "messages[].colour": printable, short, without indexes, each once, at
  // most kMost.
  const std::vector<std::string>& names() const { return names_; }

  static constexpr size_t kMost = 16;
  static constexpr size_t kLongestName = 80;  // bytes

 private:
  bool strict_;
  std::vector<std::string> names_;
};

}  // namespace hadal
