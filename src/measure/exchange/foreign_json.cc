#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/fields.h"
#include "json/json_reader.h"
#include "json/python_json.h"
#include "measure/exchange/foreign_document.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxRepeated = 100;

ordered_json number_value(std::string_view token) {
  if (token == "NaN") return std::nan("");
  if (token == "Infinity") return HUGE_VAL;
  if (token == "-Infinity") return -HUGE_VAL;
  const char* end = token.data() + token.size();
  if (token.find_first_of(".eE") == std::string_view::npos) {
    int64_t integer = 0;
    if (std::from_chars(token.data(), end, integer).ec == std::errc()) return integer;
    uint64_t natural = 0;
    if (token[0] != '-' && std::from_chars(token.data(), end, natural).ec == std::errc()) {
      return natural;
    }
  }
  double value = 0;
  if (std::from_chars(token.data(), end, value).ec == std::errc()) return value;
  // Beyond a double's range: near nothing, or far too much.
  const size_t exponent = token.find_first_of("eE");
  if (exponent != std::string_view::npos && token.substr(exponent + 1, 1) == "-") return 0.0;
  return token[0] == '-' ? -HUGE_VAL : HUGE_VAL;
}

class TreeReader {
 public:
  TreeReader(std::string_view text, const std::string& where, std::vector<RepeatedName>& repeated)
      : reader_(text, where, ErrorCode::kInvalidFile), repeated_(repeated) {}

  ordered_json document() {
    ordered_json value = read("");
    reader_.finish();
    return value;
  }

 private:
  ordered_json read(const std::string& path) {
    switch (reader_.peek()) {
      case JsonReader::Kind::kNull:
        reader_.read_null();
        return nullptr;
      case JsonReader::Kind::kBool:
        return reader_.read_bool();
      case JsonReader::Kind::kNumber:
        return number_value(reader_.read_number());
      case JsonReader::Kind::kString:
        return reader_.read_string();
      case JsonReader::Kind::kArray:
        return array(path);
      case JsonReader::Kind::kObject:
        return object(path);
    }
    return nullptr;
  }

  ordered_json array(const std::string& path) {
    ordered_json value = ordered_json::array();
    for (reader_.enter_array(); reader_.next_element();) {
      value.push_back(read(path));
    }
    return value;
  }

  // Appends to the object's vector directly: ordered_json looks every name up by linear search.
  ordered_json object(const std::string& path) {
    ordered_json value = ordered_json::object();
    auto& members = value.get_ref<ordered_json::object_t&>();
    std::unordered_map<std::string, size_t> places;
    std::string name;
    for (reader_.enter_object(); reader_.next_member(name);) {
      const bool is_new = places.emplace(name, members.size()).second;
      ordered_json member = read(path.empty() ? name : path + "." + name);
      if (is_new) {
        members.emplace_back(std::move(name), std::move(member));
      } else if (repeated_.size() < kMaxRepeated) {
        repeated_.push_back({.path = path, .name = name, .value_json = dump_json(member)});
      }
    }
    return value;
  }

  JsonReader reader_;
  std::vector<RepeatedName>& repeated_;
};

}  // namespace

ordered_json read_foreign_json(std::string_view text, const std::string& where,
                               std::vector<RepeatedName>& repeated) {
  if (text.size() > kMaxForeignJsonBytes) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "is a JSON document of " + std::to_string(text.size() >> 20) +
                         " MiB; at most " + std::to_string(kMaxForeignJsonBytes >> 20) +
                         " MiB are read",
                 .remedy = "leave the lists of single requests out, or export one point per file"});
  }
  return TreeReader(text, where, repeated).document();
}

}  // namespace hadal
