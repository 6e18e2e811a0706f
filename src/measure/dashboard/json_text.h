// JSON as text, written from front to back: for documents of many thousand figures, of which a tree
// in memory would be ten times as large as they are. Commas and escapes are this class's business,
// the shape of the document is the caller's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace hadal {

class JsonText {
 public:
  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array() { return open('['); }
  JsonText& end_array() { return close(']'); }
  JsonText& key(std::string_view name);

  // Malformed UTF-8 becomes U+FFFD.
  JsonText& text(std::string_view value);
  // What is not finite becomes null. Reads back as the same double.
  JsonText& number(double value);
  JsonText& number(const std::optional<double>& value) { return value ? number(*value) : null(); }
  JsonText& integer(int64_t value);
  JsonText& boolean(bool value);
  JsonText& null();
  // A JSON value as it stands.
  JsonText& raw(std::string_view json);

  // A member of an object.
  template <typename Value>
  JsonText& member(std::string_view name, const Value& value) {
    key(name);
    if constexpr (std::is_same_v<Value, bool>) {
      return boolean(value);
    } else if constexpr (std::is_integral_v<Value>) {
      return integer(static_cast<int64_t>(value));
    } else if constexpr (std::is_convertible_v<const Value&, std::string_view>) {
      return text(value);
    } else {
      return number(value);
    }
  }
  // The same, left out where the text is empty: "" stands for "unknown" in records.
  JsonText& known(std::string_view name, std::string_view value) {
    return value.empty() ? *this : member(name, value);
  }

  size_t size() const { return out_.size(); }
  std::string take() { return std::move(out_); }

 private:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  void separate();

  std::string out_;
  bool after_value_ = false;
};

}  // namespace hadal
