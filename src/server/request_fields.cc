#include "server/request_fields.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "server/api_error.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// Whether `number` is a whole number that a double holds exactly.
bool is_whole(double number) { return std::abs(number) <= 0x1p53 && number == std::trunc(number); }

// The path without the indexes of arrays.
std::string general_name(const std::string& path) {
  std::string name;
  for (size_t i = 0; i < path.size(); ++i) {
    name += path[i];
    if (path[i] != '[') continue;
    const size_t end = path.find_first_not_of("0123456789", i + 1);
    if (end != std::string::npos && end > i + 1 && path[end] == ']') i = end - 1;
  }
  return printable(name, UnknownFields::kLongestName);
}

}  // namespace

void refuse_field(const std::string& field, const std::string& what, const std::string& code) {
  throw ApiException({.status = 400, .message = field + ": " + what, .param = field, .code = code});
}

void refuse_field_type(const std::string& field, const ordered_json& value,
                       const std::string& expected) {
  const char* given = value.is_binary() ? "an integer of more than 64 bits" : value.type_name();
  refuse_field(field, "must be " + expected + ", not " + given, "invalid_type");
}

void refuse_unsupported(const std::string& field, const std::string& what) {
  refuse_field(field, what, "unsupported_value");
}

std::string element_path(const std::string& name, size_t index) {
  return name + "[" + std::to_string(index) + "]";
}

RequestFields::RequestFields(const ordered_json& object, std::string path)
    : object_(object), path_(std::move(path)) {
  if (!object.is_object()) {
    refuse_field_type(path_.empty() ? "body" : path_, object, "an object");
  }
}

std::string RequestFields::path(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

const ordered_json* RequestFields::find(std::string_view key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<double> RequestFields::number(std::string_view key) const {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) refuse_field_type(path(key), *value, "a number");
  return value->get<double>();
}

std::optional<uint64_t> RequestFields::integer(std::string_view key) const {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned()) return value->get<uint64_t>();
  if (value->is_number_integer()) return static_cast<uint64_t>(value->get<int64_t>());
  if (value->is_number_float() && is_whole(value->get<double>())) {
    return static_cast<uint64_t>(static_cast<int64_t>(value->get<double>()));
  }
  if (value->is_binary()) refuse_field(path(key), "is an integer of more than 64 bits");
  if (value->is_number()) refuse_field(path(key), "must be a whole number", "invalid_type");
  refuse_field_type(path(key), *value, "an integer");
}

std::optional<int> RequestFields::count(std::string_view key, int least) const {
  const std::optional<uint64_t> value = integer(key);
  if (!value.has_value()) return std::nullopt;
  constexpr int kMost = std::numeric_limits<int>::max();
  if (find(key)->is_number_unsigned() && *value > static_cast<uint64_t>(kMost)) return kMost;
  const auto number = static_cast<int64_t>(*value);
  if (number < least) refuse_field(path(key), "must be at least " + std::to_string(least));
  return static_cast<int>(std::min<int64_t>(number, kMost));
}

std::optional<bool> RequestFields::boolean(std::string_view key) const {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) refuse_field_type(path(key), *value, "true or false");
  return value->get<bool>();
}

std::optional<std::string> RequestFields::string(std::string_view key) const {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse_field_type(path(key), *value, "a string");
  return value->get<std::string>();
}

void UnknownFields::check(const RequestFields& object, std::span<const std::string_view> known) {
  for (const auto& [key, value] : object.json().items()) {
    if (value.is_null() || std::find(known.begin(), known.end(), key) != known.end()) continue;
    if (!strict_ && names_.size() >= kMost) return;
    add(object.path(printable(key, kLongestName)));
  }
}

void UnknownFields::add(const std::string& path) {
  if (strict_) {
    refuse_field(path,
                 "this server does not know this field; leave it out, or do not ask it to be "
                 "strict",
                 "unknown_parameter");
  }
  if (names_.size() >= kMost) return;
  std::string name = general_name(path);
  if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
    names_.push_back(std::move(name));
  }
}

}  // namespace hadal
