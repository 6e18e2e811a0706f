// Typed reading of a JSON object that somebody else wrote: the body of a request, a message in it,
// a model's config.json. One set of rules and one wording; every refusal is an Error that names the
// field by its path in the document ("messages[3].content[1]"). Knows no field by name.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace hadal {

// How errors speak of the document that fields are read from.
struct FieldsSource {
  ErrorCode code = ErrorCode::kInvalidArgument;
  std::string file = {};  // empty: a request, whose fields are named alone
  std::string remedy = {};
  // Whether errors quote the value that was wrong. What users write stays out of logs.
  bool tells_values = false;
};

// A request sent to this program.
const FieldsSource& request_source();

enum class FieldFault {
  kValue,        // a value that the field cannot have
  kType,         // a value of another JSON type
  kMissing,      // a field that must be there
  kUnknown,      // a field that this program does not know
  kUnsupported,  // something that this program does not do
};

// "path: what" of a request (parts().where is the path), "file: path what" of a file.
class FieldError : public Error {
 public:
  FieldError(FieldFault fault, const std::string& path, const std::string& what,
             const FieldsSource& source);
  FieldFault fault() const { return fault_; }

 private:
  FieldFault fault_;
};

[[noreturn]] void refuse_field(const std::string& path, const std::string& what,
                               FieldFault fault = FieldFault::kValue,
                               const FieldsSource& source = request_source());
// `rule` says what the value must be, for example "must be a string".
[[noreturn]] void refuse_type(const std::string& path, const nlohmann::ordered_json& value,
                              const std::string& rule,
                              const FieldsSource& source = request_source());
[[noreturn]] void refuse_unsupported(const std::string& path, const std::string& what);

// "name[index]".
std::string element_path(const std::string& name, size_t index);

// "a string" and the like for a message; tells of integers beyond 64 bits how long they are.
std::string json_type_text(const nlohmann::ordered_json& value);

// A value as JSON, short enough for a message.
std::string value_text(const nlohmann::ordered_json& value);

// A field that is null counts as absent everywhere: clients and other programs write fields that
// way. Readers by key give nothing when the field is absent, and refuse another type.
class Fields {
 public:
  // `path`: the object's own; empty for the document itself. `object` and `source` must outlive the
  // fields. Refuses what is no object.
  Fields(const nlohmann::ordered_json& object, std::string path,
         const FieldsSource& source = request_source());

  const nlohmann::ordered_json& json() const { return object_; }
  const FieldsSource& source() const { return source_; }
  const std::string& path() const { return path_; }
  std::string path(std::string_view key) const;

  const nlohmann::ordered_json* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // The field's value; refused when absent.
  const nlohmann::ordered_json& at(std::string_view key) const;

  std::optional<double> number(std::string_view key) const;
  // An integer of at most 64 bits; its two's complement when negative. A number such as 5.0 is one.
  std::optional<uint64_t> integer(std::string_view key) const;
  // `least` or more; larger values than an int holds become the largest int.
  std::optional<int> count(std::string_view key, int least) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> string(std::string_view key) const;
  std::string required_string(std::string_view key) const;
  // The object or array there, refused by `rule` where it is another value; nullptr when absent.
  const nlohmann::ordered_json* object(std::string_view key,
                                       const std::string& rule = "must be an object") const;
  const nlohmann::ordered_json* array(std::string_view key,
                                      const std::string& rule = "must be an array") const;

  // Calls use(element, path) for each element of an array; absent is empty.
  template <typename Use>
  void each(std::string_view key, Use use) const {
    const nlohmann::ordered_json* list = array(key);
    if (list == nullptr) return;
    const std::string name = path(key);
    for (size_t i = 0; i < list->size(); ++i) use((*list)[i], element_path(name, i));
  }

  [[noreturn]] void refuse(std::string_view key, const std::string& what,
                           FieldFault fault = FieldFault::kValue) const;

 private:
  const nlohmann::ordered_json& object_;
  std::string path_;
  const FieldsSource& source_;
};

}  // namespace hadal
