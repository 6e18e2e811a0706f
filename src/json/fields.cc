#include "json/fields.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// Whether `number` is a whole number that a double holds exactly.
bool is_whole(double number) { return std::abs(number) <= 0x1p53 && number == std::trunc(number); }

ErrorParts error_parts(const std::string& path, const std::string& what,
                       const FieldsSource& source) {
  const bool is_file = !source.file.empty();
  std::string text = what;
  if (is_file && !path.empty()) text = printable(path, 200) + " " + what;
  return {.code = source.code,
          .where = is_file ? source.file : path,
          .what = std::move(text),
          .remedy = source.remedy};
}

}  // namespace

const FieldsSource& request_source() {
  static const FieldsSource source;
  return source;
}

FieldError::FieldError(FieldFault fault, const std::string& path, const std::string& what,
                       const FieldsSource& source)
    : Error(error_parts(path, what, source)), fault_(fault) {}

void refuse_field(const std::string& path, const std::string& what, FieldFault fault,
                  const FieldsSource& source) {
  throw FieldError(fault, path, what, source);
}

void refuse_type(const std::string& path, const ordered_json& value, const std::string& rule,
                 const FieldsSource& source) {
  const std::string what = source.tells_values ? "is " + value_text(value) + ", but " + rule
                                               : rule + ", not " + json_type_text(value);
  refuse_field(path, what, FieldFault::kType, source);
}

void refuse_unsupported(const std::string& path, const std::string& what) {
  refuse_field(path, what, FieldFault::kUnsupported);
}

std::string element_path(const std::string& name, size_t index) {
  return name + "[" + std::to_string(index) + "]";
}

std::string json_type_text(const ordered_json& value) {
  if (!value.is_binary()) return value.type_name();
  const auto& text = value.get_binary();
  const size_t digits = text.size() - (!text.empty() && text.front() == '-' ? 1 : 0);
  return "an integer of " + std::to_string(digits) + " digits";
}

std::string value_text(const ordered_json& value) { return printable(dump_json(value), 60); }

Fields::Fields(const ordered_json& object, std::string path, const FieldsSource& source)
    : object_(object), path_(std::move(path)), source_(source) {
  if (object.is_object()) return;
  const bool is_file = !source.file.empty();
  if (path_.empty() && is_file) {
    refuse_field("", "is not a JSON object", FieldFault::kType, source);
  }
  refuse_type(path_.empty() ? "body" : path_, object, "must be an object", source);
}

std::string Fields::path(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void Fields::refuse(std::string_view key, const std::string& what, FieldFault fault) const {
  refuse_field(path(key), what, fault, source_);
}

const ordered_json* Fields::find(std::string_view key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

const ordered_json& Fields::at(std::string_view key) const {
  const ordered_json* value = find(key);
  if (value == nullptr) refuse(key, "is missing", FieldFault::kMissing);
  return *value;
}

std::optional<double> Fields::number(std::string_view key) const {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) refuse_type(path(key), *value, "must be a number", source_);
  return value->get<double>();
}

std::optional<uint64_t> Fields::integer(std::string_view key) const {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned()) return value->get<uint64_t>();
  if (value->is_number_integer()) return static_cast<uint64_t>(value->get<int64_t>());
  if (value->is_number_float() && is_whole(value->get<double>())) {
    return static_cast<uint64_t>(static_cast<int64_t>(value->get<double>()));
  }
  if (value->is_binary()) {
    refuse(key, "must fit 64 bits and is " + json_type_text(*value));
  }
  refuse_type(path(key), *value,
              value->is_number() ? "must be a whole number" : "must be an integer", source_);
}

std::optional<int> Fields::count(std::string_view key, int least) const {
  const std::optional<uint64_t> value = integer(key);
  if (!value.has_value()) return std::nullopt;
  constexpr int kMost = std::numeric_limits<int>::max();
  if (find(key)->is_number_unsigned() && *value > static_cast<uint64_t>(kMost)) return kMost;
  const auto number = static_cast<int64_t>(*value);
  if (number < least) refuse(key, "must be at least " + std::to_string(least));
  return static_cast<int>(std::min<int64_t>(number, kMost));
}

std::optional<bool> Fields::boolean(std::string_view key) const {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) refuse_type(path(key), *value, "must be true or false", source_);
  return value->get<bool>();
}

std::optional<std::string> Fields::string(std::string_view key) const {
  const ordered_json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse_type(path(key), *value, "must be a string", source_);
  return value->get<std::string>();
}

std::string Fields::required_string(std::string_view key) const {
  std::optional<std::string> value = string(key);
  if (!value) refuse(key, "is missing", FieldFault::kMissing);
  return std::move(*value);
}

const ordered_json* Fields::object(std::string_view key, const std::string& rule) const {
  const ordered_json* value = find(key);
  if (value != nullptr && !value->is_object()) refuse_type(path(key), *value, rule, source_);
  return value;
}

const ordered_json* Fields::array(std::string_view key, const std::string& rule) const {
  const ordered_json* value = find(key);
  if (value != nullptr && !value->is_array()) refuse_type(path(key), *value, rule, source_);
  return value;
}

}  // namespace hadal
