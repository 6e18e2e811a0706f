#include "json/python_json.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <locale.h>
#include <unordered_map>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/utf8.h"
#include "json/json_reader.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// Python refuses to convert longer ones (sys.int_info.default_max_str_digits).
constexpr size_t kMaxIntegerDigits = 4300;

double parse_double(std::string_view token) {
  static const locale_t kCLocale = newlocale(LC_ALL_MASK, "C", nullptr);
  return strtod_l(std::string(token).c_str(), nullptr, kCLocale);
}

ordered_json number_value(JsonReader& reader) {
  const std::string_view token = reader.read_number();
  if (token == "NaN") return std::nan("");
  if (token == "Infinity") return HUGE_VAL;
  if (token == "-Infinity") return -HUGE_VAL;
  if (token.find_first_of(".eE") != std::string_view::npos) {
    const double value = parse_double(token);
    if (!reader.rules().allows_non_finite && !std::isfinite(value)) {
      reader.fail("a number is out of range");
    }
    return value;
  }
  const char* end = token.data() + token.size();
  int64_t integer = 0;
  if (std::from_chars(token.data(), end, integer).ec == std::errc()) return integer;
  uint64_t natural = 0;
  if (token[0] != '-' && std::from_chars(token.data(), end, natural).ec == std::errc()) {
    return natural;
  }
  if (token.size() - (token[0] == '-' ? 1 : 0) > kMaxIntegerDigits) {
    reader.fail("an integer has more than 4300 digits");
  }
  return ordered_json::binary(std::vector<uint8_t>(token.begin(), token.end()));
}

ordered_json read_value(JsonReader& reader);

// Appends to the object's vector directly: looking every key up by ordered_json's own linear search
// would make a large object quadratic.
ordered_json object_value(JsonReader& reader) {
  constexpr size_t kSmall = 16;
  ordered_json value = ordered_json::object();
  auto& members = value.get_ref<ordered_json::object_t&>();
  std::unordered_map<std::string, size_t> places;
  std::string key;
  for (reader.enter_object(); reader.next_member(key);) {
    size_t place = 0;
    if (members.size() < kSmall) {
      while (place < members.size() && members.data()[place].first != key) ++place;
    } else {
      if (places.empty()) {
        for (size_t i = 0; i < members.size(); ++i) places.emplace(members.data()[i].first, i);
      }
      place = places.emplace(key, members.size()).first->second;
    }
    if (place < members.size() && reader.rules().refuses_repeated_names) reader.fail_repeated(key);
    ordered_json member = read_value(reader);
    if (place == members.size()) {
      members.emplace_back(std::move(key), std::move(member));
    } else {
      members.data()[place].second = std::move(member);
    }
  }
  return value;
}

ordered_json read_value(JsonReader& reader) {
  switch (reader.peek()) {
    case JsonReader::Kind::kNull:
      reader.read_null();
      return nullptr;
    case JsonReader::Kind::kBool:
      return reader.read_bool();
    case JsonReader::Kind::kNumber:
      return number_value(reader);
    case JsonReader::Kind::kString:
      return reader.read_string();
    case JsonReader::Kind::kArray: {
      ordered_json value = ordered_json::array();
      for (reader.enter_array(); reader.next_element();) value.push_back(read_value(reader));
      return value;
    }
    case JsonReader::Kind::kObject:
      return object_value(reader);
  }
  reader.fail("a JSON value is expected");
}

void append_string(std::string& out, std::string_view text) {
  if (!is_valid_utf8(text)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .what = "a string is not UTF-8: \"" + printable(text, 60) + "\"",
                 .remedy = "send text as UTF-8"});
  }
  out += '"';
  append_json_escaped(out, text);
  out += '"';
}

void append_value(std::string& out, const ordered_json& value, size_t depth = 0) {
  if (depth > JsonReader::kMaxDepth) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .what = "a JSON value is nested too deeply",
                 .remedy = "nest at most " + std::to_string(JsonReader::kMaxDepth) + " levels"});
  }
  switch (value.type()) {
    case ordered_json::value_t::null:
    case ordered_json::value_t::discarded:
      out += "null";
      return;
    case ordered_json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return;
    case ordered_json::value_t::number_integer:
      out += std::to_string(value.get<int64_t>());
      return;
    case ordered_json::value_t::number_unsigned:
      out += std::to_string(value.get<uint64_t>());
      return;
    case ordered_json::value_t::number_float:
      out += python_float(value.get<double>());
      return;
    case ordered_json::value_t::binary: {
      const auto& digits = value.get_binary();
      out.append(digits.begin(), digits.end());
      return;
    }
    case ordered_json::value_t::string:
      append_string(out, value.get_ref<const std::string&>());
      return;
    case ordered_json::value_t::array: {
      const char* separator = "[";
      for (const ordered_json& item : value) {
        out += std::exchange(separator, ", ");
        append_value(out, item, depth + 1);
      }
      out += value.empty() ? "[]" : "]";
      return;
    }
    case ordered_json::value_t::object: {
      const char* separator = "{";
      for (const auto& [key, item] : value.get_ref<const ordered_json::object_t&>()) {
        out += std::exchange(separator, ", ");
        append_string(out, key);
        out += ": ";
        append_value(out, item, depth + 1);
      }
      out += value.empty() ? "{}" : "}";
      return;
    }
  }
}

}  // namespace

nlohmann::ordered_json parse_json(std::string_view text, const std::string& where, ErrorCode code,
                                  JsonRules rules) {
  JsonReader reader(text, where, code, rules);
  ordered_json value = read_value(reader);
  reader.finish();
  return value;
}

bool is_json(std::string_view text) {
  try {
    JsonReader reader(text, "", ErrorCode::kInvalidArgument, {.allows_non_finite = false});
    reader.skip_value();
    reader.finish();
    return true;
  } catch (const Error&) {
    return false;
  }
}

nlohmann::ordered_json parse_json_file_text(std::string_view text, const std::string& where) {
  return parse_json(text, where, ErrorCode::kInvalidFile,
                    {.allows_non_finite = false, .refuses_repeated_names = true});
}

std::string dump_json(const nlohmann::ordered_json& value) {
  std::string out;
  append_value(out, value);
  return out;
}

std::string json_string(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

void append_json_escaped(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20) {
          out += "\\u00";
          out += kHex[byte >> 4];
          out += kHex[byte & 15];
        } else {
          out += c;
        }
      }
    }
  }
}

std::string python_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  // The shortest digits that read back as `value`, as d.ddde±xx; Python lays the same digits out
  // differently.
  char buffer[40];
  const auto written =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  HADAL_CHECK(written.ec == std::errc());
  std::string_view text(buffer, static_cast<size_t>(written.ptr - buffer));
  std::string out;
  if (text[0] == '-') {
    out = "-";
    text.remove_prefix(1);
  }
  const size_t e = text.find('e');
  std::string digits(text.substr(0, e));
  if (digits.size() > 1) digits.erase(1, 1);
  int exponent = 0;
  const char* exponent_begin = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(exponent_begin, text.data() + text.size(), exponent);

  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (digits.size() > 1) out += "." + digits.substr(1);
    const int magnitude = std::abs(exponent);
    out += exponent < 0 ? "e-" : "e+";
    if (magnitude < 10) out += '0';
    return out + std::to_string(magnitude);
  }
  if (exponent < 0) {
    return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  }
  const auto integer_digits = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= integer_digits) {
    return out + digits + std::string(integer_digits - digits.size(), '0') + ".0";
  }
  return out + digits.substr(0, integer_digits) + "." + digits.substr(integer_digits);
}

}  // namespace hadal
