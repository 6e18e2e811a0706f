#include "measure/dashboard/json_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "json/python_json.h"

namespace hadal {

void JsonText::separate() {
  if (after_value_) out_ += ',';
  after_value_ = true;
}

JsonText& JsonText::open(char bracket) {
  separate();
  out_ += bracket;
  after_value_ = false;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  out_ += bracket;
  after_value_ = true;
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  text(name);
  out_ += ':';
  after_value_ = false;
  return *this;
}

JsonText& JsonText::text(std::string_view value) {
  separate();
  out_ += '"';
  if (is_valid_utf8(value)) {
    append_json_escaped(out_, value);
  } else {
    append_json_escaped(out_, utf8_replace_invalid(value));
  }
  out_ += '"';
  return *this;
}

JsonText& JsonText::number(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out_.append(digits.data(), end.ptr);
  return *this;
}

JsonText& JsonText::integer(int64_t value) {
  separate();
  out_ += std::to_string(value);
  return *this;
}

JsonText& JsonText::boolean(bool value) { return raw(value ? "true" : "false"); }

JsonText& JsonText::null() { return raw("null"); }

JsonText& JsonText::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

}  // namespace hadal
